package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/eventlake/lake"
)

// Options say when a worker flushes. Zero values take the defaults.
type Options struct {
	FlushBytes int64         // uncompressed bytes waiting; default 32 MiB
	FlushAge   time.Duration // age of the oldest record waiting; default 1 s
	ReadBytes  int           // bytes of bodies a read; default 1 MiB
	// FirstFiles is about how many files the first span after a start has; each
	// span may have four times as many as the one before. A span of thousands of
	// partitions takes seconds to write: a worker that is killed every few seconds
	// comes on because it begins with less. Default 256.
	FirstFiles int
	Log        *slog.Logger
	// Pace is called by Run before a span is begun; it may wait for the stage
	// behind, so that the stream holds what that cannot take yet. May be nil.
	Pace func(context.Context) error
	// Committed is called after every commit of the worker, e.g. to wake the
	// curate stage. May be nil.
	Committed func(lake.Commit)
}

func (o Options) withDefaults() Options {
	if o.FlushBytes <= 0 {
		o.FlushBytes = 32 << 20
	}
	if o.FlushAge <= 0 {
		o.FlushAge = time.Second
	}
	if o.ReadBytes <= 0 {
		o.ReadBytes = 1 << 20
	}
	if o.FirstFiles <= 0 {
		o.FirstFiles = 256
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Worker moves one shard of a stream into the lake.
type Worker struct {
	core   *Core
	stream lake.Stream
	ledger lake.Ledger
	opts   Options

	batch lake.Batch
	from  lake.Position // committed
	taken lake.Position // taken by the core, not committed
	since time.Time     // when the oldest waiting record was taken
	files int           // how many the next span may have
}

// NewWorker returns a worker for the core's shard.
func NewWorker(core *Core, stream lake.Stream, o Options) *Worker {
	o = o.withDefaults()
	return &Worker{core: core, stream: stream, ledger: core.ledger, opts: o, files: o.FirstFiles}
}

// Run works until the context ends or the shard is closed and read to its end,
// then commits what it has taken and returns nil. A failure that may pass (no
// room, a lost compare-and-set) is tried again from the committed position, and
// logged as an error when that lasts for more than a minute; one that cannot (a
// damaged file, a part that stopped itself after a failed fsync) is returned.
func (w *Worker) Run(ctx context.Context) error {
	var t tries
	for {
		began := time.Now()
		err := w.run(ctx)
		if ctx.Err() != nil {
			return w.drain()
		}
		if errors.Is(err, lake.ErrEnded) {
			return nil
		}
		if errors.Is(err, lake.ErrCorrupt) || errors.Is(err, lake.ErrClosed) || errors.Is(err, lake.ErrTrimmed) {
			return fmt.Errorf("ingest %s: %w", w.core.shard, err)
		}
		pause, level := t.failed(began, w.from)
		w.opts.Log.Log(ctx, level, "ingest tries again", "shard", w.core.shard, "after", w.from, "in", pause, "error", err, "hint", lake.Hint(err))
		if lake.Sleep(ctx, pause) != nil {
			return w.drain()
		}
	}
}

// drain commits what is waiting when the context has ended. A span that
// failed was abandoned, so what waits is whole.
func (w *Worker) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.commit(ctx); err != nil {
		w.opts.Log.Warn("the last batch stays in the stream", "shard", w.core.shard, "error", err)
	}
	return nil
}

// run reads, takes and commits until something fails.
func (w *Worker) run(ctx context.Context) error {
	if err := w.restart(ctx); err != nil {
		return err
	}
	for {
		if w.from == w.taken && w.opts.Pace != nil {
			if err := w.opts.Pace(ctx); err != nil {
				return err
			}
		}
		n, err := w.Step(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		err = w.wait(ctx)
		if errors.Is(err, lake.ErrEnded) {
			if err := w.commit(ctx); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// restart forgets what is not committed and goes back to the commit point.
func (w *Worker) restart(ctx context.Context) error {
	w.core.Reset()
	at, err := w.ledger.Position(ctx, w.core.shard)
	w.from, w.taken = at, at
	w.files = w.opts.FirstFiles
	return err
}

const (
	mostFiles   = 1 << 20 // more than any span has
	bytesOfFile = 64      // fewer than an event has
)

// due reports whether what was taken is enough for a span.
func (w *Worker) due() bool {
	return w.core.Bytes() >= w.opts.FlushBytes || w.core.Files() >= w.files ||
		w.from != w.taken && time.Since(w.since) >= w.opts.FlushAge
}

// read reads the next batch. Each of its events may be of a partition of its
// own, so it is small as long as the span may have few files.
func (w *Worker) read(ctx context.Context) error {
	n := min(w.opts.ReadBytes, w.files*bytesOfFile)
	if err := w.stream.Read(ctx, w.core.shard, w.taken, n, &w.batch); err != nil {
		return fmt.Errorf("read %s after %s: %w", w.core.shard, w.taken, err)
	}
	return nil
}

// abandon drops a span that was taken or flushed in part, so that no later
// commit can hold a piece of it. Its records come again from the stream.
func (w *Worker) abandon() {
	w.core.Reset()
	w.taken = w.from
}

// wait returns when there may be something to read or to flush.
func (w *Worker) wait(ctx context.Context) error {
	if w.from == w.taken {
		return w.stream.Wait(ctx, w.core.shard, w.taken)
	}
	left := w.opts.FlushAge - time.Since(w.since)
	if left > 0 {
		soon, cancel := context.WithTimeout(ctx, left)
		err := w.stream.Wait(soon, w.core.shard, w.taken)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	return w.commit(ctx)
}

// Step reads one batch, takes it, and commits when it is time. It returns the
// number of records read; 0 means that the end of the stream was reached.
func (w *Worker) Step(ctx context.Context) (int, error) {
	if err := w.read(ctx); err != nil {
		return 0, err
	}
	if n := len(w.batch.Records); n > 0 {
		if w.from == w.taken {
			w.since = time.Now()
		}
		if _, err := w.core.Take(ctx, w.batch.Records); err != nil {
			w.abandon()
			return 0, err
		}
		w.taken = w.batch.Records[n-1].Position
	}
	if w.due() {
		if err := w.commit(ctx); err != nil {
			return 0, err
		}
	}
	return len(w.batch.Records), nil
}

// commit is the end of a span: files first, then the ledger's commit point.
func (w *Worker) commit(ctx context.Context) error {
	if w.from == w.taken {
		return nil
	}
	span := lake.Span{After: w.from, To: w.taken}
	commit, err := w.core.Flush(ctx, span)
	if err != nil {
		w.abandon()
		return fmt.Errorf("flush %s %s: %w", w.core.shard, span, err)
	}
	if err := w.ledger.Commit(ctx, commit); err != nil {
		w.abandon()
		return fmt.Errorf("commit %s %s: %w", w.core.shard, span, err)
	}
	w.from = span.To
	w.files = min(4*w.files, mostFiles)
	w.core.names.committed(commit.Types)
	w.opts.Log.Debug("committed", "shard", w.core.shard, "span", span, "files", len(commit.Add))
	if w.opts.Committed != nil {
		w.opts.Committed(commit)
	}
	return nil
}

// Drain reads to the end of the shard and commits. It starts from the commit
// point, so it can be called after any failure. For tools and tests that have
// no loop.
func (w *Worker) Drain(ctx context.Context) error {
	if err := w.restart(ctx); err != nil {
		return err
	}
	for {
		n, err := w.Step(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			return w.commit(ctx)
		}
	}
}
