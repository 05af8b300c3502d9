package assemble

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// Status is the state of a lake in one look.
type Status struct {
	Time    time.Time     `json:"time"`
	Data    string        `json:"data"`
	Running bool          `json:"running"`
	Uptime  time.Duration `json:"uptime_ns"`

	Shards  []ShardStatus `json:"shards"`
	Books   lake.Tally    `json:"books"`    // sums over all sources, types and hours
	Recent  []lake.Tally  `json:"recent"`   // the last 24 hours, by type, Source left empty, Hour = since
	Rate    float64       `json:"rate"`     // events a second, average of the current and the last hour
	Lag     int64         `json:"lag"`      // events in the stream, not yet decided
	ToTable int64         `json:"to_table"` // events in raw, not yet in tables

	RawFiles   int   `json:"raw_files"`
	RawBytes   int64 `json:"raw_bytes"`
	Partitions int   `json:"partitions"`
	Fullest    struct {
		Dir   string `json:"dir"`
		Files int    `json:"files"`
	} `json:"fullest_partition"` // the one with most raw files
	QuarantineFiles int           `json:"quarantine_files"`
	Tables          []TableStatus `json:"tables"`
	DiskFree        int64         `json:"disk_free"` // bytes
	Upkeep          Upkeep        `json:"upkeep"`
	// Consumers are the named readers of the stream (lake tail --consumer).
	Consumers []ConsumerStatus `json:"consumers,omitempty"`
}

// ShardStatus is how far one shard is.
type ShardStatus struct {
	Shard     lake.ShardID  `json:"shard"`
	Stored    lake.Position `json:"stored"`
	Committed lake.Position `json:"committed"`
	Curated   lake.Position `json:"curated"`
	Lag       int64         `json:"lag"`
}

// TableStatus is one table in short.
type TableStatus struct {
	Table   lake.TableName `json:"table"`
	Types   []string       `json:"types,omitempty"` // true names of the event types in it; only where they are asked for
	Rows    int64          `json:"rows"`
	Files   int            `json:"files"`
	Bytes   int64          `json:"bytes"`
	Days    int            `json:"days"`
	Columns int            `json:"columns"`
	Updated time.Time      `json:"updated"`
}

// Status looks at every part.
func (l *Local) Status(ctx context.Context) (*Status, error) {
	s := &Status{Time: time.Now().UTC(), Data: l.Config.Data, Uptime: time.Since(l.started)}
	journal, err := l.Ledger.Journal(ctx)
	if err != nil {
		return nil, err
	}
	curated, err := l.Ledger.Curated(ctx)
	if err != nil {
		return nil, err
	}
	shards, err := l.Stream.Shards(ctx)
	if err != nil {
		return nil, err
	}
	positions, gaps := journal.Positions(), l.Stream.Gaps()
	for _, sh := range shards {
		st := ShardStatus{Shard: sh.ID, Stored: sh.Last, Committed: positions[sh.ID], Curated: curated[sh.ID]}
		st.Lag = waiting(gaps[sh.ID], st.Committed, sh.Last)
		s.Lag += st.Lag
		s.Shards = append(s.Shards, st)
	}
	if s.Consumers, err = consumerStatus(ctx, l.Stream, shards); err != nil {
		return nil, err
	}
	s.books(journal.Books(), lake.InstantOf(s.Time))
	s.files(journal, curated)
	if err := s.tables(ctx, l.Catalog); err != nil {
		return nil, err
	}
	if s.DiskFree, err = disk.Free(l.Config.Data); err != nil {
		return nil, err
	}
	s.Upkeep, _ = l.upkeep.state()
	return s, nil
}

func (s *Status) books(all []lake.Tally, now lake.Instant) {
	since := now.Add(-24 * time.Hour).Hour()
	lastHour := now.Hour().Add(-time.Hour)
	recent := map[string]*lake.Tally{}
	var inRate int64
	for _, t := range all {
		s.Books.Add(t)
		if t.Hour >= lastHour {
			inRate += t.Total()
		}
		if t.Hour < since {
			continue
		}
		if recent[t.Type] == nil {
			recent[t.Type] = &lake.Tally{Book: lake.Book{Type: t.Type, Hour: since}}
		}
		recent[t.Type].Add(t)
	}
	for _, t := range recent {
		s.Recent = append(s.Recent, *t)
	}
	slices.SortFunc(s.Recent, func(a, b lake.Tally) int {
		return cmp.Or(-cmp.Compare(a.Total(), b.Total()), cmp.Compare(a.Type, b.Type))
	})
	s.Rate = float64(inRate) / now.Sub(lastHour).Seconds()
}

func (s *Status) files(journal lake.Journal, curated map[lake.ShardID]lake.Position) {
	partitions := map[lake.Partition]int{}
	for f := range journal.Files("") {
		if f.Kind == lake.KindQuarantine {
			s.QuarantineFiles++
			continue
		}
		s.RawFiles++
		s.RawBytes += f.Bytes
		partitions[f.Partition]++
		if n := partitions[f.Partition]; n > s.Fullest.Files {
			s.Fullest.Files, s.Fullest.Dir = n, f.Partition.Dir()
		}
		if f.Span.To.After(curated[f.Shard]) {
			s.ToTable += f.Events
		}
	}
	s.Partitions = len(partitions)
}

func (s *Status) tables(ctx context.Context, catalog lake.Catalog) error {
	names, err := catalog.Tables(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		t, err := catalog.Table(ctx, name)
		if err != nil {
			return err
		}
		st := TableStatus{Table: name, Files: len(t.Files), Columns: len(t.Schema.Columns), Updated: t.Time.Time()}
		days := map[lake.Day]bool{}
		for _, f := range t.Files {
			st.Rows += f.Rows
			st.Bytes += f.Bytes
			days[f.Day] = true
		}
		st.Days = len(days)
		s.Tables = append(s.Tables, st)
	}
	return nil
}
