package firehose

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// Options of a Sink.
type Options struct {
	Stream string    // name of the delivery stream
	Direct lake.Sink // takes the lines that Firehose would not place right, e.g. a raw.Writer over S3
	// Partitions bounds how many partitions of the delivery stream this sink
	// keeps open. The stream's quota (500 unless raised) is for all sinks
	// together. Default 250.
	Partitions int
	// Hold is how long a partition stays open after its last line: 1.5 times
	// the delivery stream's buffer interval. Default 22.5 minutes, for the
	// longest interval.
	Hold     time.Duration
	Parallel int           // calls at once, each with up to 4 MB. Default 4
	Timeout  time.Duration // of one call; then it is made again. Default 15 s
	Retry    *awsapi.Retry // pauses between calls; it heeds the context's deadline
	Clock    lake.Clock    // default lake.SystemClock
}

// Sink is a lake.Sink over a delivery stream. It is safe for concurrent use.
type Sink struct {
	client   Client
	o        Options
	open     partitions
	counters counters
	batches  sync.Pool // of *batch
}

var _ lake.Sink = (*Sink)(nil)

// New returns the sink; ErrInvalid with a hint when the options are wrong.
// Whether the delivery stream exists shows at the first call.
func New(client Client, o Options) (*Sink, error) {
	if o.Stream == "" {
		return nil, lake.Errorf(lake.ErrInvalid, "name the delivery stream, e.g. LAKE_FIREHOSE", "no delivery stream")
	}
	if o.Direct == nil {
		return nil, lake.Errorf(lake.ErrInvalid, "give a sink for lines that Firehose cannot place", "no direct sink")
	}
	if o.Partitions <= 0 {
		o.Partitions = 250
	}
	if o.Hold <= 0 {
		o.Hold = 1350 * time.Second
	}
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	if o.Retry == nil {
		o.Retry = &awsapi.Retry{}
	}
	if o.Clock == nil {
		o.Clock = lake.SystemClock
	}
	s := &Sink{client: client, o: o}
	s.open = partitions{limit: o.Partitions, hold: o.Hold, last: map[lake.Partition]lake.Instant{}}
	return s, nil
}

// Write implements lake.Sink. It returns when Firehose, which keeps what it
// took in several places, has all lines; the objects appear minutes later. It
// returns the files of the direct sink. An error is an *lake.Undelivered: the
// records that Firehose did not take and the parts that the direct sink did
// not. A record whose answer was lost counts as not delivered, though it may
// have been.
func (s *Sink) Write(ctx context.Context, shard lake.ShardID, span lake.Span, parts []lake.Part) ([]lake.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, undelivered(parts, err)
	}
	w := &write{sink: s, ctx: ctx, parts: parts}
	w.group.SetLimit(s.o.Parallel)
	may := s.open.admit(parts, s.o.Clock())
	for i := range parts {
		switch {
		case len(parts[i].Lines) == 0:
		case may[i] && w.placed(&parts[i]):
			w.pack(i)
		default:
			w.direct, w.from = append(w.direct, parts[i]), append(w.from, i)
		}
	}
	w.send()
	files := w.writeDirect(shard, span)
	if err := w.group.Wait(); err != nil {
		return nil, err
	}
	if err := w.outcome.err(); err != nil {
		return nil, err
	}
	return files, nil
}

// undelivered is the error for parts of which nothing was kept.
func undelivered(parts []lake.Part, err error) error {
	if len(parts) == 0 {
		return err
	}
	u := &lake.Undelivered{First: parts[0].First, Parts: len(parts), Err: err}
	for i := range parts {
		if u.First.After(parts[i].First) {
			u.First = parts[i].First
		}
	}
	return u
}

// write is one Write.
type write struct {
	sink    *Sink
	ctx     context.Context // that of the Write
	parts   []lake.Part
	batch   *batch // being filled; nil when there is none
	ends    []int  // of the lines of the part that is looked at
	group   errgroup.Group
	outcome outcome

	direct []lake.Part // for the direct sink
	from   []int       // which part each of them is
}

// placed finds the ends of a part's lines and reports whether Firehose would
// place all of them right. One that it would not sends the whole part the
// direct way: so the same span again writes the same direct files, whichever
// partitions are open then.
func (w *write) placed(p *lake.Part) bool {
	place := placeOf(p.Partition)
	w.ends = w.ends[:0]
	for at := 0; at < len(p.Lines); {
		line := lineAt(p.Lines, at)
		if len(line) > MaxRecord || !place.holds(line) {
			return false
		}
		at += len(line)
		w.ends = append(w.ends, at)
	}
	return true
}

// pack joins the lines of a part, whose ends are known, into records and sends
// calls that are full.
func (w *write) pack(part int) {
	lines, at := w.parts[part].Lines, 0
	for _, end := range w.ends {
		w.add(lines[at:end], part, at)
		at = end
	}
}

// lineAt is the line that begins at the offset, with its newline.
func lineAt(lines []byte, at int) []byte {
	if n := bytes.IndexByte(lines[at:], '\n'); n >= 0 {
		return lines[at : at+n+1]
	}
	return lines[at:]
}

// firstOf is the position of a line, or where it cannot be read one that is
// not after it.
func firstOf(line []byte, p *lake.Part) lake.Position {
	if position, ok := positionOf(line); ok {
		return position
	}
	return p.First
}

// add appends a line to the open record, or begins another.
func (w *write) add(line []byte, part, at int) {
	if w.batch != nil && !w.batch.fits(len(line)) {
		w.batch.closeRecord()
		if w.batch.full() {
			w.send()
		}
	}
	if w.batch == nil {
		if w.batch, _ = w.sink.batches.Get().(*batch); w.batch == nil {
			w.batch = &batch{}
		}
	}
	w.batch.add(line, part, at)
}

// send hands the batch to a goroutine that makes the call. It waits while too
// many are under way.
func (w *write) send() {
	b := w.batch
	if b == nil {
		return
	}
	w.batch = nil
	b.closeRecord()
	w.group.Go(func() error {
		left, err := w.sink.put(w.ctx, b)
		if err != nil {
			w.outcome.lost(w.parts, b, left, err)
		}
		b.reset()
		w.sink.batches.Put(b)
		return nil
	})
}

// writeDirect writes what does not go through Firehose, meanwhile.
func (w *write) writeDirect(shard lake.ShardID, span lake.Span) []lake.File {
	if len(w.direct) == 0 {
		return nil
	}
	lines := int64(0)
	for i := range w.direct {
		lines += w.direct[i].Events
	}
	files, err := w.sink.o.Direct.Write(w.ctx, shard, span, w.direct)
	for i := range w.direct {
		w.parts[w.from[i]].Lines = w.direct[i].Lines // nil when the direct sink took the memory over
	}
	if err != nil {
		w.outcome.directLost(w.direct, w.from, fmt.Errorf("write around Firehose: %w", err))
		return nil
	}
	w.sink.counters.direct.Add(lines)
	return files
}
