package assemble

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// found is a raw or quarantine file that was found without a ledger.
type found struct {
	raw.Named
	key lake.Key
}

// findFiles lists what may be data below raw/ and quarantine/, in the order in
// which it can have been committed.
func findFiles(ctx context.Context, store lake.Store) (files []found, strange []lake.Key, err error) {
	for _, root := range []lake.Key{raw.Root, quarantine.Root} {
		for info, err := range store.List(ctx, root) {
			if err != nil {
				return nil, nil, err
			}
			named, err := raw.ParseKey(info.Key)
			if err != nil {
				strange = append(strange, info.Key)
				continue
			}
			files = append(files, found{named, info.Key})
		}
	}
	slices.SortFunc(files, byEnd)
	return files, strange, nil
}

func byEnd(a, b found) int {
	return cmp.Or(a.Span.To.Compare(b.Span.To), a.Span.After.Compare(b.Span.After), cmp.Compare(a.key, b.key))
}

// contents is what one found file holds.
type contents struct {
	file      lake.File
	positions []lake.Position
	claims    []lake.Claim // of a raw file, one a position
	books     []lake.Book  // one a position
	lines     [][]byte     // only when asked for; without line ends
	retried   int          // marked quarantine entries
}

// fileReader reads found files.
type fileReader struct {
	store    lake.Store
	sources  ingest.Sources
	scanners map[lake.SourceID]*transform.Scanner
	row      transform.Row
	body     []byte
}

func newFileReader(store lake.Store, sources ingest.Sources) *fileReader {
	return &fileReader{store: store, sources: sources, scanners: map[lake.SourceID]*transform.Scanner{}}
}

func (r *fileReader) scan(source lake.SourceID, body []byte, received lake.Instant) *lake.Refusal {
	s := r.scanners[source]
	if s == nil {
		s = r.sources(source).Scanner()
		r.scanners[source] = s
	}
	return s.Scan(source, body, received, &r.row)
}

// readBuffer is for reading a found file, packed and unpacked, in bytes.
const readBuffer = 256 << 10

// read reads a file whole. Without a ledger only gzip's own checksum and the
// form of the lines can tell that it is damaged: lake.ErrCorrupt.
func (r *fileReader) read(ctx context.Context, f found, lines bool) (c contents, err error) {
	damaged := func(err error) (contents, error) {
		return c, lake.Errorf(lake.ErrCorrupt, "restore the file from a back-up, or move it out of the directory to give its events up", "%s: %v", f.key, err)
	}
	obj, err := r.store.Open(ctx, f.key)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	crc := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	in := io.TeeReader(bufio.NewReaderSize(obj, readBuffer), crc)
	zip, err := gzip.NewReader(in)
	if err != nil {
		return damaged(err)
	}
	c.file = lake.File{Key: f.key, Kind: f.Kind, Partition: f.Partition, Shard: f.Shard, Span: f.Span, Bytes: obj.Size()}
	err = raw.Lines(zip, readBuffer, func(line []byte) error {
		line = bytes.TrimRight(line, "\n")
		if lines {
			c.lines = append(c.lines, bytes.Clone(line))
		}
		if f.Kind == lake.KindRaw {
			return r.rawLine(&c, line)
		}
		return r.refusedLine(&c, line)
	})
	if err != nil {
		return damaged(err)
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return damaged(err)
	}
	c.file.CRC = crc.Sum32()
	return c, nil
}

func (r *fileReader) rawLine(c *contents, line []byte) error {
	var fields raw.Fields
	body, err := raw.Split(line, &fields)
	if err != nil {
		return err
	}
	r.body = append(append(r.body[:0], body...), '}')
	// An event that today's mapping refuses has no fingerprint; a copy of it is refused too.
	var fingerprint uint32
	if r.scan(fields.Source, r.body, fields.Received) == nil {
		fingerprint = r.row.Fingerprint
	}
	c.claims = append(c.claims, lake.Claim{ID: fields.ID, Position: fields.Position, Time: fields.Received, Fingerprint: fingerprint})
	c.add(fields.Position, lake.Book{Source: fields.Source, Type: c.file.Partition.Type, Hour: fields.Received.Hour()}, fields.Created, fields.Received)
	return nil
}

func (r *fileReader) refusedLine(c *contents, line []byte) error {
	var e quarantine.Entry
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	received, err := e.ReceivedAt()
	if err != nil {
		return err
	}
	if e.Retried != "" {
		c.retried++
	}
	c.add(e.Position, lake.Book{Source: e.Source, Type: e.Type, Hour: received.Hour()}, received, received)
	return nil
}

func (c *contents) add(at lake.Position, b lake.Book, created, received lake.Instant) {
	c.positions = append(c.positions, at)
	c.books = append(c.books, b)
	f := &c.file
	if f.Events == 0 {
		f.MinTime, f.MaxTime = created, created
	}
	f.MinTime, f.MaxTime, f.Received = min(f.MinTime, created), max(f.MaxTime, created), max(f.Received, received)
	f.Events++
}

// place is where files can hold the same events.
type place struct {
	kind      lake.Kind
	partition lake.Partition
	shard     lake.ShardID
}

// settleOverlaps leaves each position in one file. Files that hold the same
// positions are what a merge has joined already, what a retry has written anew,
// or what a crash left of a span that was cut again. Where no choice of files
// holds every position once, one new file is written that does.
func (r *fileReader) settleOverlaps(ctx context.Context, files []found, gz *raw.Compressor) (kept []found, dropped []lake.Key, err error) {
	groups := map[place][]found{}
	var order []place
	for _, f := range files {
		k := place{f.Kind, f.Partition, f.Shard}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], f)
	}
	for _, k := range order {
		for _, chain := range chains(groups[k]) {
			use := chain
			if len(chain) > 1 {
				if use, err = r.settle(ctx, chain, gz); err != nil {
					return nil, nil, err
				}
			}
			kept = append(kept, use...)
			for _, f := range chain {
				if !slices.ContainsFunc(use, func(u found) bool { return u.key == f.key }) {
					dropped = append(dropped, f.key)
				}
			}
		}
	}
	slices.SortFunc(kept, byEnd)
	return kept, dropped, nil
}

// chains parts files into runs whose spans overlap.
func chains(files []found) (out [][]found) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b found) int {
		return cmp.Or(a.Span.After.Compare(b.Span.After), a.Span.To.Compare(b.Span.To))
	})
	var end lake.Position
	for i, f := range files {
		if i == 0 || !end.After(f.Span.After) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], f)
		if f.Span.To.After(end) {
			end = f.Span.To
		}
	}
	return out
}

// mostEvents sorts the files first that hold most events, of equal ones that
// which was retried most.
func mostEvents(a, b *contents) int {
	return cmp.Or(-cmp.Compare(len(a.positions), len(b.positions)), -cmp.Compare(a.retried, b.retried), -cmp.Compare(a.file.Key, b.file.Key))
}

// settle chooses among files with overlapping spans, by mostEvents.
func (r *fileReader) settle(ctx context.Context, chain []found, gz *raw.Compressor) ([]found, error) {
	type candidate struct {
		found
		contents
	}
	var all []candidate
	for _, f := range chain {
		c, err := r.read(ctx, f, false)
		if err != nil {
			return nil, err
		}
		c.claims, c.books = nil, nil
		all = append(all, candidate{f, c})
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return mostEvents(&a.contents, &b.contents) })
	have := map[lake.Position]bool{}
	var use []found
	clash := false
	for _, c := range all {
		old := 0
		for _, p := range c.positions {
			if have[p] {
				old++
			}
		}
		if old == len(c.positions) {
			continue
		}
		clash = clash || old > 0
		for _, p := range c.positions {
			have[p] = true
		}
		use = append(use, c.found)
	}
	if !clash {
		return use, nil
	}
	joined, err := r.join(ctx, use, gz)
	return []found{joined}, err
}

// join writes the lines of the files as one file, each position once.
func (r *fileReader) join(ctx context.Context, files []found, gz *raw.Compressor) (found, error) {
	type line struct {
		at   lake.Position
		text []byte
	}
	var lines []line
	out := files[0]
	for _, f := range files {
		c, err := r.read(ctx, f, true)
		if err != nil {
			return found{}, err
		}
		for i, p := range c.positions {
			lines = append(lines, line{p, c.lines[i]})
		}
		out.Span = out.Span.Join(f.Span)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	lines = slices.CompactFunc(lines, func(a, b line) bool { return a.at == b.at })
	var text []byte
	for _, l := range lines {
		text = append(append(text, l.text...), '\n')
	}
	out.Prefix = fmt.Sprintf("restored%d", len(lines))
	out.key = lake.Key(path.Dir(string(out.key)) + "/" + raw.SpanName(out.Prefix, out.Shard, out.Span) + ".ndjson.gz")
	info, err := gz.Create(ctx, out.key, text)
	out.key = info.Key // beside another, when the one before has that name
	return out, err
}
