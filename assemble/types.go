package assemble

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// StatusArgs say what a status holds besides.
type StatusArgs struct {
	Types bool `json:"types,omitempty"` // TableStatus.Types, which may have to be read
}

// opStatus is Status, with what is asked for besides.
func (l *Local) opStatus(ctx context.Context, args StatusArgs, _ func(any)) (any, error) {
	s, err := l.Status(ctx)
	if err == nil && args.Types {
		err = l.types(ctx, s.Tables)
	}
	return s, err
}

// hashed is how a partition type ends that stands for a name with other
// characters (transform.PathSafe); others are the true names.
var hashed = regexp.MustCompile(`_[0-9a-f]{8}$`)

// types fills in the types whose events are in each table. Of a type whose true
// name its partitions do not show, one event is read.
func (l *Local) types(ctx context.Context, tables []TableStatus) error {
	journal, err := l.Ledger.Journal(ctx)
	if err != nil {
		return err
	}
	files := map[lake.TableName]map[string]lake.File{} // one of each partition type
	for f := range journal.Files(lake.KindRaw) {
		table := f.Partition.Table()
		if files[table] == nil {
			files[table] = map[string]lake.File{}
		}
		files[table][f.Partition.Type] = f
	}
	for i := range tables {
		names := map[string]bool{}
		for name, f := range files[tables[i].Table] {
			if hashed.MatchString(name) {
				if name, err = l.trueType(ctx, f); err != nil {
					return err
				}
			}
			names[name] = true
		}
		tables[i].Types = slices.Sorted(maps.Keys(names))
	}
	return nil
}

// trueType reads the type of a file's first event. Of a file that cannot be read
// it is what the file's partition is called: the audit says what is wrong.
func (l *Local) trueType(ctx context.Context, f lake.File) (string, error) {
	enough := errors.New("one is enough")
	name := f.Partition.Type
	err := l.Lines.EachLine(ctx, f, func(line []byte) error {
		var fields raw.Fields
		if _, err := raw.Split(line, &fields); err != nil {
			return err
		}
		name = string(fields.Type)
		return enough
	})
	if err != nil && !errors.Is(err, enough) && ctx.Err() != nil {
		return "", ctx.Err()
	}
	return name, nil
}
