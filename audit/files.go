package audit

import (
	"context"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/raw"
)

// rawFiles reads every raw file: its checksum, its number of events, and that
// each event is where its partition, shard and span say.
func (a *auditor) rawFiles(ctx context.Context) error {
	for f := range a.journal.Files(lake.KindRaw) {
		if err := ctx.Err(); err != nil {
			return err
		}
		a.report.RawFiles++
		n, err := a.rawFile(ctx, f)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			a.unreadable(f, err)
		} else if n != f.Events {
			a.report.problem(string(f.Key), "holds %d events, the ledger says %d", n, f.Events)
		}
		a.report.RawEvents += n
		a.progress(string(f.Key))
	}
	return nil
}

// unreadable notes a raw or quarantine file that is missing or damaged.
func (a *auditor) unreadable(f lake.File, err error) {
	a.report.problem(string(f.Key), "%s; restore it from a back-up, or move it away, stop the lake and run: lake doctor", f.Key.Reason(err))
}

func (a *auditor) rawFile(ctx context.Context, f lake.File) (n int64, err error) {
	err = a.lines(ctx, f, func(fields *raw.Fields) {
		n++
		a.recount(lake.Book{Source: fields.Source, Type: f.Partition.Type, Hour: fields.Received.Hour()}).Unique++
		switch {
		case fields.Created.Day() != f.Partition.Day:
			a.report.problem(string(f.Key), "event %s of %s lies in the partition of %s", fields.ID, fields.Created.Day(), f.Partition.Day)
		case fields.Shard == f.Shard && !f.Span.Contains(fields.Position):
			a.report.problem(string(f.Key), "event %s at position %s lies outside the span %s", fields.ID, fields.Position, f.Span)
		}
	})
	return n, err
}

// lines gives every line of a raw file, taken apart.
func (a *auditor) lines(ctx context.Context, f lake.File, each func(*raw.Fields)) error {
	var fields raw.Fields
	return a.Lines.EachLine(ctx, f, func(line []byte) error {
		if _, err := raw.Split(line, &fields); err != nil {
			return err
		}
		each(&fields)
		return nil
	})
}

// quarantineFiles reads every quarantine file.
func (a *auditor) quarantineFiles(ctx context.Context) error {
	for f := range a.journal.Files(lake.KindQuarantine) {
		a.report.QuarantineFiles++
		var n int64
		whole := true
		for e, err := range quarantine.Entries(ctx, a.Lines, f) {
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				a.unreadable(f, err)
				whole = false
				break
			}
			n++
			received, err := e.ReceivedAt()
			if err != nil {
				a.report.problem(string(f.Key), "entry %s: %v", e.Name(), err)
				continue
			}
			a.recount(lake.Book{Source: e.Source, Type: e.Type, Hour: received.Hour()}).Quarantined++
		}
		if whole && n != f.Events {
			a.report.problem(string(f.Key), "holds %d entries, the ledger says %d", n, f.Events)
		}
		a.progress(string(f.Key))
	}
	return nil
}
