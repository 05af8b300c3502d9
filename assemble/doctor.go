package assemble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/keys"
	"github.com/eventlake/lake/local/ledger"
	"github.com/eventlake/lake/local/stream"
)

// PartHealth is what Examine found about one part of a lake.
type PartHealth struct {
	Part     string   `json:"part"`
	What     string   `json:"what"` // what was looked at
	Problems []string `json:"problems"`
	Notices  []string `json:"notices,omitempty"` // not wrong for the lake, but for others who read its tables
	Repair   string   `json:"repair,omitempty"`  // what a repair would do, and lose; empty when there is nothing to do

	needs needs
}

// needs is what Repair has to do about a part.
type needs struct {
	database bool // make catalog.db again
	mend     bool // go back to table metadata that is whole
	relocate bool // write the directory's place into the tables
	ledger   bool // make the ledger again, or the stream as long as it says
	catchUp  bool // take raw files in again that tables have lost
}

// OK reports whether nothing is wrong.
func (p *PartHealth) OK() bool { return len(p.Problems) == 0 }

func (p *PartHealth) problem(format string, args ...any) {
	if len(p.Problems) < 100 { // one damaged directory can make very many
		p.Problems = append(p.Problems, fmt.Sprintf(format, args...))
	}
}

// The parts that Examine looks at, in the order in which they are repaired.
const (
	partStream  = "stream"
	partCatalog = "catalog"
	partLedger  = "ledger"
	partFiles   = "files"
	partKeys    = "keys"
)

// Examine checks every part of a lake that is not running, and changes nothing:
// what can only be opened for writing is opened as a copy. lake.ErrLocked when
// a process has the lake open. The error is for a check that could not be done.
func Examine(ctx context.Context, cfg config.Config, log *slog.Logger) (parts []PartHealth, err error) {
	lock, err := disk.AcquireLock(cfg.Data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	e := newExamination(cfg, log)
	for _, check := range []func(context.Context, *PartHealth) error{e.stream, e.catalog, e.ledger, e.files, e.keys} {
		var p PartHealth
		if err := check(ctx, &p); err != nil {
			return parts, fmt.Errorf("check %s: %w", p.Part, err)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// examination is what one Examine has learned.
type examination struct {
	cfg    config.Config
	log    *slog.Logger
	first  map[lake.ShardID]lake.Position // of what each shard of the stream has
	last   map[lake.ShardID]lake.Position
	tables consumedBy              // of the tables that can be read
	unread map[lake.TableName]bool // that cannot; nil when that is not known either
	listed []lake.File             // by the ledger; nil when it cannot be read
}

func newExamination(cfg config.Config, log *slog.Logger) *examination {
	return &examination{cfg: cfg, log: log, tables: consumedBy{}}
}

func (e *examination) path(dir string) string { return filepath.Join(e.cfg.Data, dir) }

func (e *examination) stream(ctx context.Context, p *PartHealth) error {
	p.Part = partStream
	done, err := stream.Check(ctx, disk.OS{}, e.path(streamDir), func(q stream.Problem) {
		if !q.Harmless {
			p.problem("%s", q)
		}
	})
	e.first, e.last = done.First, done.Last
	p.What = fmt.Sprintf("%d records in %d segments, %d lost before", done.Records, done.Segments, done.Lost)
	if !p.OK() {
		p.Repair = "keep the damaged segments beside as *.damaged and put a marked gap in place of what cannot be read; " +
			"the events in it that were not ingested are lost, and recorded in " + lossesName
	}
	return err
}

func (e *examination) ledger(ctx context.Context, p *PartHealth) (err error) {
	p.Part = partLedger
	const repair = "make the ledger again from the raw and quarantine files, the tables and the stream; " +
		"counts of duplicates older than the stream come back as one sum"
	dir := e.path(ledgerDir)
	err = ledger.Check(ctx, disk.OS{}, dir, func(q ledger.Problem) { p.problem("%s: %v", q.Path, q.Err) })
	if err != nil {
		return err
	}
	if !p.OK() {
		p.Repair, p.needs.ledger = repair, true
		return nil
	}
	root, done, err := e.shadow(ledgerDir, func(name string) bool { return !strings.HasPrefix(name, "run-") })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	l, err := ledger.Open(ctx, disk.OS{}, filepath.Join(root, ledgerDir), ledger.Options{TTL: e.cfg.Claims.TTL, Logger: e.log})
	if err != nil {
		p.problem("%v", err)
		p.Repair, p.needs.ledger = repair, true
		return nil
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	journal, err := l.Journal(ctx)
	if err != nil {
		return err
	}
	e.listed = []lake.File{}
	for f := range journal.Files("") {
		e.listed = append(e.listed, f)
	}
	var books lake.Tally
	for _, t := range journal.Books() {
		books.Add(t)
	}
	p.What = fmt.Sprintf("%d records decided, %d files", books.Total(), len(e.listed))
	for _, why := range disagreements(journal.Positions(), e.tables) {
		p.problem("%s", why)
		p.Repair, p.needs.ledger = repair, true
	}
	if e.unread != nil {
		curated, err := l.Curated(ctx)
		if err != nil {
			return err
		}
		for _, t := range behind(journal, curated, e.tables, e.unread) {
			p.problem("%s", t)
			p.Repair, p.needs.catchUp = "take these raw files into the tables again; nothing is lost", true
		}
	}
	e.compare(p, journal.Positions())
	return nil
}

// compare holds the ends of the stream against what is decided.
func (e *examination) compare(p *PartHealth, at map[lake.ShardID]lake.Position) {
	const repair = "mark what is missing of the stream as lost, so that no position is used twice"
	for id, at := range at {
		if last, ok := e.last[id]; ok && at.After(last) {
			p.problem("it has decided %s up to position %s, but the stream ends at %s", id, at, last)
			p.Repair, p.needs.ledger = repair, true
		}
	}
	for id, first := range e.first {
		if n, _ := first.Uint64(); between(at[id], first) > 1 {
			p.problem("it has decided %s up to position %s, but the stream begins at %d", id, at[id], n)
			p.Repair, p.needs.ledger = repair, true
		}
	}
}

// files compares the sizes of raw and quarantine files with the ledger, and
// looks for the events of those that are gone.
func (e *examination) files(ctx context.Context, p *PartHealth) error {
	p.Part = partFiles
	if e.listed == nil {
		p.What = "not compared: the ledger cannot be read"
		return nil
	}
	var bytes int64
	for _, f := range e.listed {
		bytes += f.Bytes
	}
	p.What = fmt.Sprintf("%d raw and quarantine files, %d bytes (lake verify reads every checksum)", len(e.listed), bytes)
	covers, err := findCovers(ctx, e.cfg, e.listed)
	if err != nil {
		return err
	}
	var repairs []string
	for _, c := range covers {
		for _, f := range c.lost {
			p.problem("%s %s: %d events", f.Key, c.why[f.Key], f.Events)
		}
		repairs = append(repairs, c.repair())
	}
	p.Repair = strings.Join(repairs, "; ")
	return nil
}

func (e *examination) keys(_ context.Context, p *PartHealth) error {
	p.Part = partKeys
	s, err := keys.Open(disk.OS{}, e.cfg.Data, keys.Options{Logger: e.log})
	if err != nil {
		p.problem("%v", err)
		p.Repair = "none: " + lake.Hint(err)
		return nil
	}
	p.What = fmt.Sprintf("%d keys", len(s.List()))
	return nil
}

// shadow makes a directory that looks like dir in the data directory but can be
// written: what copied chooses is a copy, the rest are links. done removes it.
func (e *examination) shadow(dir string, copied func(name string) bool) (root string, done func() error, err error) {
	from, err := filepath.Abs(e.path(dir))
	if err != nil {
		return "", nil, err
	}
	if root, err = os.MkdirTemp("", "lake-doctor-"); err != nil {
		return "", nil, err
	}
	done = func() error { return os.RemoveAll(root) }
	fail := func(err error) (string, func() error, error) { return "", nil, errors.Join(err, done()) }
	if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
		return fail(err)
	}
	entries, err := disk.OS{}.ReadDir(from)
	if err != nil && !disk.IsNotExist(err) {
		return fail(err)
	}
	for _, n := range entries {
		source, target := filepath.Join(from, n.Name), filepath.Join(root, dir, n.Name)
		if n.Dir || !copied(n.Name) {
			err = os.Symlink(source, target)
		} else {
			err = copyFile(source, target)
		}
		if err != nil {
			return fail(err)
		}
	}
	return root, done, nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
