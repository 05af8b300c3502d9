package ledger

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/eventlake/lake/local/disk"
)

// The files of a ledger's directory.
const (
	snapshotName  = "snapshot"
	segmentPrefix = "log-"
	runPrefix     = "run-"
)

func segmentPath(dir string, n uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%s%010d", segmentPrefix, n))
}

func runPath(dir string, n uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%s%010d", runPrefix, n))
}

// listing is what lies in a ledger's directory.
type listing struct {
	snapshot bool
	segments []uint64 // ascending
	runs     []uint64 // ascending
	temps    []string // unfinished files
	sizes    map[string]int64
}

// list reads the directory; one that does not exist is empty.
func list(fsys disk.FS, dir string) (listing, error) {
	l := listing{sizes: map[string]int64{}}
	entries, err := fsys.ReadDir(dir)
	if disk.IsNotExist(err) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	for _, e := range entries {
		l.sizes[filepath.Join(dir, e.Name)] = e.Size
		if e.Name == snapshotName {
			l.snapshot = true
		}
		if strings.HasPrefix(e.Name, disk.TempPrefix) {
			l.temps = append(l.temps, e.Name)
		}
		if n, ok := numbered(e.Name, segmentPrefix); ok {
			l.segments = append(l.segments, n)
		}
		if n, ok := numbered(e.Name, runPrefix); ok {
			l.runs = append(l.runs, n)
		}
	}
	slices.Sort(l.segments)
	slices.Sort(l.runs)
	return l, nil
}

func numbered(name, prefix string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && n > 0
}

func (l *listing) lastSegment() uint64 { return last(l.segments) }
func (l *listing) lastRun() uint64     { return last(l.runs) }

func last(numbers []uint64) uint64 {
	if len(numbers) == 0 {
		return 0
	}
	return numbers[len(numbers)-1]
}
