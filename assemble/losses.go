package assemble

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/audit"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/local/disk"
)

// lossesName is the file in a data directory that keeps what was lost for
// ever, after the stream has trimmed its gaps.
const lossesName = "losses.json"

// lossesFile is the file; CRC32C is of Losses as it is written.
type lossesFile struct {
	Losses json.RawMessage `json:"losses"`
	CRC32C string          `json:"crc32c"` // 8 hex digits
}

// sealLosses is the file's text; the losses as text have one.
func sealLosses(losses []byte) ([]byte, error) {
	sum := fmt.Sprintf("%08x", crc32.Checksum(losses, crc32.MakeTable(crc32.Castagnoli)))
	text, err := json.Marshal(lossesFile{losses, sum})
	return append(text, '\n'), err
}

func readLosses(data string) ([]audit.Loss, error) {
	path := filepath.Join(data, lossesName)
	b, err := disk.ReadWhole(disk.OS{}, path)
	if disk.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var f lossesFile
	var all []audit.Loss
	err = json.Unmarshal(b, &f)
	if err == nil {
		// Byte by byte: JSON's reader forgives a name in capitals.
		if same, bad := sealLosses(f.Losses); bad != nil || !bytes.Equal(same, b) {
			err = errors.New("its checksum does not match")
		}
	}
	if err == nil {
		err = json.Unmarshal(f.Losses, &all)
	}
	if err != nil {
		return nil, lake.Errorf(lake.ErrCorrupt, "restore it from a back-up, or delete it; lake verify then finds records that nobody accounts for", "%s: %v", path, err)
	}
	return all, nil
}

func writeLosses(data string, all []audit.Loss) error {
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if text, err = sealLosses(text); err != nil {
		return err
	}
	return disk.WriteWhole(disk.OS{}, filepath.Join(data, lossesName), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// noteLosses records the parts of gaps that nothing was decided about and that
// are not recorded yet. It has to come before ingest passes over them. A repeat
// finds nothing new.
func noteLosses(data string, gaps map[lake.ShardID][]lake.Span, committed map[lake.ShardID]lake.Position) (all, added []audit.Loss, err error) {
	if all, err = readLosses(data); err != nil {
		return nil, nil, err
	}
	for id, spans := range gaps {
		for _, g := range spans {
			if committed[id].After(g.After) {
				g.After = committed[id]
			}
			for _, s := range unrecorded(g, id, all) {
				added = append(added, audit.Loss{
					Shard: id, Span: s, Records: between(s.After, s.To), Found: time.Now().UTC().Truncate(time.Second),
					Reason: "a part of the stream was damaged before ingest had read it",
				})
			}
		}
	}
	if len(added) > 0 {
		all = append(all, added...)
		err = writeLosses(data, all)
	}
	return all, added, err
}

// noteEndLost records that the end of a shard's log is gone and nothing tells
// what it held; added is false when that is recorded already.
func noteEndLost(data string, id lake.ShardID, after lake.Position) (added bool, err error) {
	all, err := readLosses(data)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(all, func(l audit.Loss) bool { return l.Unbounded && l.Shard == id && l.Span.To == after }) {
		return false, nil
	}
	return true, writeLosses(data, append(all, audit.Loss{
		Shard: id, Span: lake.Span{After: after, To: after}, Unbounded: true, Found: time.Now().UTC().Truncate(time.Second),
		Reason: "the end of the stream was gone, and nothing told how far it had come",
	}))
}

// unrecorded is what of a span is in no recorded loss.
func unrecorded(g lake.Span, id lake.ShardID, all []audit.Loss) (out []lake.Span) {
	known := slices.DeleteFunc(slices.Clone(all), func(l audit.Loss) bool { return l.Shard != id || l.Unbounded })
	slices.SortFunc(known, func(a, b audit.Loss) int { return a.Span.After.Compare(b.Span.After) })
	for _, l := range known {
		if !l.Span.To.After(g.After) || !g.To.After(l.Span.After) {
			continue
		}
		if l.Span.After.After(g.After) {
			out = append(out, lake.Span{After: g.After, To: l.Span.After})
		}
		g.After = l.Span.To
	}
	if g.To.After(g.After) {
		out = append(out, g)
	}
	return out
}

// losses is what the lake has lost, as the file says.
type losses struct{ p atomic.Pointer[[]audit.Loss] }

func (l *losses) set(all []audit.Loss) { l.p.Store(&all) }

func (l *losses) all() []audit.Loss {
	if p := l.p.Load(); p != nil {
		return *p
	}
	return nil
}

// count is the number of records lost in a shard.
func (l *losses) count(id lake.ShardID) (n int64) {
	for _, loss := range l.all() {
		if loss.Shard == id {
			n += loss.Records
		}
	}
	return n
}

// noteLosses is the same for an open lake.
func (l *Local) noteLosses(ctx context.Context) error {
	at, err := positionsOf(ctx, l.Ledger)
	if err != nil {
		return err
	}
	all, added, err := noteLosses(l.Config.Data, l.Stream.Gaps(), at)
	if err != nil {
		return fmt.Errorf("record what the stream has lost: %w", err)
	}
	l.losses.set(all)
	for _, loss := range added {
		l.Log.Warn("events are lost", "shard", loss.Shard, "positions", loss.Span.String(), "records", loss.Records, "reason", loss.Reason)
	}
	return nil
}

// recordLosses is the same for a repair, which tells of them.
func recordLosses(ctx context.Context, cfg config.Config, log *slog.Logger, tell func(string)) (err error) {
	s, err := openStream(ctx, disk.OS{}, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	led, err := openLedger(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, led.Close()) }()
	at, err := positionsOf(ctx, led)
	if err != nil {
		return err
	}
	_, added, err := noteLosses(cfg.Data, s.Gaps(), at)
	for _, l := range added {
		tell(fmt.Sprintf("stream: %s positions %s, %d records, were not ingested yet: these events are lost unless they are sent again; recorded in %s",
			l.Shard, l.Span, l.Records, lossesName))
	}
	return err
}

// opAccept takes note of all recorded losses, so that verify is content again.
func (l *Local) opAccept(_ context.Context, _ struct{}, _ func(any)) (any, error) {
	all, err := readLosses(l.Config.Data)
	if err != nil {
		return nil, err
	}
	n := 0
	for i := range all {
		if all[i].Accepted.IsZero() {
			all[i].Accepted = time.Now().UTC().Truncate(time.Second)
			n++
		}
	}
	if n > 0 {
		err = writeLosses(l.Config.Data, all)
		l.losses.set(all)
	}
	return n, err
}
