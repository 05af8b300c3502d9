package assemble

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/audit"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/local/catalog"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/keys"
	"github.com/eventlake/lake/local/ledger"
	"github.com/eventlake/lake/local/stream"
)

func (l *Local) opVerify(ctx context.Context, _ struct{}, emit func(any)) (any, error) {
	return audit.Run(ctx, audit.Parts{
		Stream: l.Stream, Ledger: l.Ledger, Catalog: l.Catalog, Lines: l.Lines, Rows: l.auditRows, Inspect: l.inspect,
		ClaimTTL: int64(l.Config.Claims.TTL.Seconds()), Forgotten: l.Ledger.Forgotten(), Gaps: l.Stream.Gaps(), Losses: l.losses.all(),
		Progress: func(done, total int64, what string) { emit(Step{done, total, what}) },
	})
}

// auditRows reads the rows of a data file as the audit needs them.
func (l *Local) auditRows(ctx context.Context, f lake.DataFile) iter.Seq2[audit.Row, error] {
	return func(yield func(audit.Row, error) bool) {
		for row, err := range curate.Rows(ctx, l.Store, f) {
			if !yield(audit.Row{ID: row.ID, Source: row.Source, Received: row.Received}, err) {
				return
			}
		}
	}
}

// inspect checks what each part keeps for itself, from disk, while it is open.
func (l *Local) inspect(ctx context.Context) (out audit.Inspection, err error) {
	problem := func(where, what string) { out.Problems = append(out.Problems, audit.Problem{Where: where, What: what}) }
	tables, err := l.Catalog.Check(ctx)
	if err != nil {
		return out, err
	}
	out.Metadata, out.Unknown, out.Older = tables.Files, tables.Unknown, tables.Older
	for _, p := range tables.Problems {
		if p.Harm != catalog.HarmData { // the audit reads these itself
			problem(string(p.Key), p.What+advice(p))
		}
	}
	_, err = l.Stream.Check(ctx, func(p stream.Problem) {
		if !p.Harmless {
			problem(string(p.Shard), p.String())
		}
	})
	if err != nil {
		return out, err
	}
	damaged, err := l.ledgerProblems(ctx)
	if err != nil {
		return out, err
	}
	for _, p := range damaged {
		problem(p.Path, p.Err.Error())
	}
	if _, err := keys.Open(disk.OS{}, l.Config.Data, keys.Options{Logger: l.Log}); err != nil {
		problem(keys.Name, err.Error())
	}
	return out, nil
}

// ledgerTries is how often the ledger's files are looked at: beside its work,
// which replaces files, one look may find files that have just gone.
const ledgerTries = 3

func (l *Local) ledgerProblems(ctx context.Context) (found []ledger.Problem, err error) {
	for range ledgerTries {
		found = nil
		err = ledger.Check(ctx, disk.OS{}, filepath.Join(l.Config.Data, ledgerDir), func(p ledger.Problem) { found = append(found, p) })
		if err != nil || len(found) == 0 {
			return found, err
		}
	}
	return found, nil
}

// advice says what mends a problem of the tables.
func advice(p catalog.Problem) string {
	switch p.Harm {
	case catalog.HarmDatabase, catalog.HarmCurrent:
		return "; stop the lake and run: lake doctor --repair"
	case catalog.HarmHistory:
		return "; only older states of the table need it: it goes by itself when they expire, or with: lake doctor --repair"
	case catalog.HarmData, catalog.HarmForeign:
	}
	return rebuildAdvice(p)
}

// rebuildAdvice names the command that brings the rows of a data file back.
func rebuildAdvice(p catalog.Problem) string {
	if p.Harm != catalog.HarmData {
		return ""
	}
	return fmt.Sprintf("; make the day again from raw: lake rebuild --type %s --from %s --to %s", p.Table, p.Day, p.Day+1)
}
