package iceberg

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	ice "github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
)

// Harm is what a Problem costs, and so what mends it.
type Harm string

// The harms.
const (
	HarmDatabase Harm = "database" // what keeps the pointers itself
	HarmCurrent  Harm = "current"  // the table cannot be read
	HarmHistory  Harm = "history"  // only older states of the table cannot be read, until they expire
	HarmData     Harm = "data"     // rows of a day are gone: a rebuild of that day from raw
	HarmForeign  Harm = "foreign"  // another engine made what the lake cannot use: that engine
)

// Problem is something wrong with the files of a table.
type Problem struct {
	Table lake.TableName `json:"table,omitempty"` // empty for what keeps the pointers
	Key   lake.Key       `json:"key"`
	What  string         `json:"what"`
	Harm  Harm           `json:"harm"`
	Day   lake.Day       `json:"day,omitempty"` // of a data file
}

// String is "key what".
func (p Problem) String() string { return string(p.Key) + " " + p.What }

// Checked is what Check has seen.
type Checked struct {
	Tables  int `json:"tables"`
	Files   int `json:"files"`   // metadata files, manifest lists and manifests that were read
	Unknown int `json:"unknown"` // of those, how many have no checksum and were only parsed
	// Older are the data files that only older snapshots name.
	Older    []lake.DataFile `json:"-"`
	Problems []Problem       `json:"problems"`
}

// Check reads every metadata file, manifest list and manifest that a table's
// current metadata leads to, and compares each with its checksum where one is
// kept. It looks data files up in a listing and does not read them. The error is for a check
// that could not be done; what was checked until then is returned with it.
func (c *Catalog) Check(ctx context.Context) (Checked, error) {
	var done Checked
	names, err := c.Tables(ctx)
	if err != nil {
		return done, err
	}
	for _, n := range names {
		one, err := c.check(ctx, n)
		if err != nil {
			return done, fmt.Errorf("check table %s: %w", n, err)
		}
		done.Tables++
		done.Files += one.Files
		done.Unknown += one.Unknown
		done.Older = append(done.Older, one.Older...)
		done.Problems = append(done.Problems, one.Problems...)
	}
	return done, nil
}

// check checks one table, again when another process changed it meanwhile.
func (c *Catalog) check(ctx context.Context, name lake.TableName) (Checked, error) {
	defer c.lock(name)() // so that this process removes nothing meanwhile
	for try := 1; ; try++ {
		uri, err := c.pointer.Get(ctx, name)
		if err != nil {
			return Checked{}, err
		}
		x := &tableCheck{c: c, name: name, seen: map[string]bool{}, data: map[lake.Key]bool{}, size: map[lake.Key]int64{}}
		for f, err := range c.files.List(ctx, Location(name)+"/") {
			if err != nil {
				return Checked{}, fmt.Errorf("list the table's files: %w", err)
			}
			x.size[f.Key] = f.Bytes
		}
		if err := x.run(ctx, uri); err != nil {
			return Checked{}, err
		}
		if len(x.done.Problems) > 0 && try < attempts {
			if now, err := c.pointer.Get(ctx, name); err == nil && now != uri {
				continue
			}
		}
		return x.done, nil
	}
}

// tableCheck is the check of one table.
type tableCheck struct {
	c    *Catalog
	name lake.TableName
	done Checked
	seen map[string]bool    // URIs of metadata that were read
	data map[lake.Key]bool  // data files that were looked up
	size map[lake.Key]int64 // of all files of the table
}

func (x *tableCheck) problem(p Problem) {
	p.Table = x.name
	x.done.Problems = append(x.done.Problems, p)
}

// file reads a metadata file, unless it was, and has it parsed. It reports
// whether parse was run and content with it; the error is the context's.
func (x *tableCheck) file(ctx context.Context, uri string, harm Harm, parse func([]byte) error) (bool, error) {
	if x.seen[uri] {
		return false, nil
	}
	x.seen[uri] = true
	data, known, err := x.c.read(ctx, x.name, uri)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err == nil {
		x.done.Files++
		if !known {
			x.done.Unknown++
		}
		err = parse(data)
	}
	if err == nil {
		return true, nil
	}
	k, ok := x.c.root.Key(x.name, uri)
	if !ok {
		k = lake.Key(path.Base(uri))
	}
	if errors.Is(err, lake.ErrInvalid) && harm == HarmCurrent {
		harm = HarmForeign
	}
	x.problem(Problem{Key: k, What: fault(k, err), Harm: harm})
	return false, nil
}

// fault is what an error says about a file, without its name.
func fault(k lake.Key, err error) string {
	if errors.Is(err, lake.ErrNotFound) {
		return "is missing"
	}
	var h *lake.Hinted
	if errors.As(err, &h) && len(h.What) > len(k)+1 && h.What[:len(k)] == string(k) {
		return h.What[len(k)+1:]
	}
	if hint := lake.Hint(err); errors.Is(err, lake.ErrInvalid) && hint != "" {
		return fmt.Sprintf("cannot be used: %v (%s)", err, hint)
	}
	return "cannot be read: " + err.Error()
}

// run checks everything that the metadata at uri leads to: the current state
// first, because older ones share its files.
func (x *tableCheck) run(ctx context.Context, uri string) error {
	var meta table.Metadata
	ok, err := x.file(ctx, uri, HarmCurrent, func(data []byte) (err error) {
		if meta, err = table.ParseMetadataBytes(data); err != nil {
			return x.c.unreadable("table metadata", uri, err)
		}
		return nil
	})
	if err != nil || !ok {
		return err
	}
	if now := meta.CurrentSnapshot(); now != nil {
		if err := x.snapshot(ctx, *now, HarmCurrent); err != nil {
			return err
		}
	}
	if len(x.done.Problems) == 0 {
		if _, err := x.c.load(ctx, x.name, uri, nil); err != nil {
			k, _ := x.c.root.Key(x.name, uri)
			harm := HarmCurrent
			if errors.Is(err, lake.ErrInvalid) {
				harm = HarmForeign
			}
			x.problem(Problem{Key: k, What: "describes no table that can be used: " + err.Error(), Harm: harm})
		}
	}
	for _, s := range slices.Backward(meta.Snapshots()) {
		if err := x.snapshot(ctx, s, HarmHistory); err != nil {
			return err
		}
	}
	for e := range meta.PreviousFiles() {
		_, err := x.file(ctx, e.MetadataFile, HarmHistory, func(data []byte) error {
			_, err := table.ParseMetadataBytes(data)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// snapshot checks a snapshot's manifest list, manifests and data files.
func (x *tableCheck) snapshot(ctx context.Context, s table.Snapshot, harm Harm) error {
	var files []ice.ManifestFile
	_, err := x.file(ctx, s.ManifestList, harm, func(data []byte) (err error) {
		files, err = x.c.listIn(data, s.ManifestList)
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range files {
		var live []lake.DataFile
		_, err := x.file(ctx, f.FilePath(), harm, func(data []byte) (err error) {
			if f.ManifestContent() == ice.ManifestContentData {
				live, err = x.c.liveIn(x.name, data, f)
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, d := range live {
			x.dataFile(d, harm)
		}
	}
	return nil
}

// dataFile looks a data file up.
func (x *tableCheck) dataFile(f lake.DataFile, of Harm) {
	if x.data[f.Key] {
		return
	}
	x.data[f.Key] = true
	harm := HarmData
	if of == HarmHistory {
		harm = HarmHistory
		x.done.Older = append(x.done.Older, f)
	}
	size, ok := x.size[f.Key]
	switch {
	case !ok:
		x.problem(Problem{Key: f.Key, What: "is missing", Harm: harm, Day: f.Day})
	case size != f.Bytes:
		x.problem(Problem{Key: f.Key, What: fmt.Sprintf("has %d bytes, the table says %d", size, f.Bytes), Harm: harm, Day: f.Day})
	}
}
