package parquetfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/curate/parquetfile"
)

// writeFiltered writes a file of row groups with filters over the first column.
func writeFiltered(t *testing.T, s lake.Schema, groups ...[]column.Chunk) ([]byte, []parquetfile.Filter) {
	t.Helper()
	enc, err := parquetfile.NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := parquetfile.NewWriter(&b, enc, s.Columns, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.FilterOn(1)
	for _, g := range groups {
		w.BeginRowGroup(g[0].Slots)
		for i := range g {
			if err := w.Column(&g[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.EndRowGroup(); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.Filters()
}

// recorded remembers which bytes were read.
type recorded struct {
	*bytes.Reader
	n int64
}

func (r *recorded) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.Reader.ReadAt(p, off)
	r.n += int64(n)
	return n, err
}

func TestAFilterHoldsItsIDsAndFewOthers(t *testing.T) {
	s := testSchema()
	leaves := column.Leaves(&s)
	rng := rand.New(rand.NewPCG(5, 6))
	groups := [][]column.Chunk{chunks(rng, leaves, 1), chunks(rng, leaves, 5000), chunks(rng, leaves, 3000)}
	data, kept := writeFiltered(t, s, groups...)
	r := &recorded{Reader: bytes.NewReader(data)}
	f, err := parquetfile.OpenParts(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	// Another implementation reads the same filters.
	other, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	passed := 0
	for g := range groups {
		filter, err := f.Filter(g, 1)
		if err != nil {
			t.Fatal(err)
		}
		theirs := other.RowGroups()[g].ColumnChunks()[0].BloomFilter()
		if theirs == nil || theirs.Size() != int64(filter.Bytes()) || bits.OnesCount(uint(filter.Bytes())) != 1 {
			t.Fatalf("filter %d has %d bytes", g, filter.Bytes())
		}
		for i := range groups[g][0].Slots {
			id := parquetfile.ID(&groups[g][0], i)
			if !filter.MayHold(parquetfile.FilterHash(id)) || !kept[g].MayHold(parquetfile.FilterHash(id)) {
				t.Fatalf("group %d does not hold its id %d", g, i)
			}
			if ok, err := theirs.Check(parquet.FixedLenByteArrayValue(id[:])); err != nil || !ok {
				t.Fatalf("group %d, id %d: %v, %v", g, i, ok, err)
			}
		}
		for range 100_000 {
			var id lake.ID
			for i := range id {
				id[i] = byte(rng.Uint32())
			}
			if filter.MayHold(parquetfile.FilterHash(id)) {
				passed++
			}
		}
	}
	if passed > 20 { // 1.1e-5 of them at most, in theory
		t.Errorf("%d of 300,000 strange ids pass", passed)
	}
	if want := int64(len(data)) / 3; r.n > want {
		t.Errorf("read %d of %d bytes for the filters", r.n, len(data))
	}
	for g := range groups {
		var ids column.Chunk
		if err := f.Load(g, 1); err != nil {
			t.Fatal(err)
		}
		before := r.n
		if err := f.Read(g, &leaves[0], &ids); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(ids) != fmt.Sprint(groups[g][0]) || r.n != before {
			t.Errorf("group %d: ids differ, or %d bytes were read again", g, r.n-before)
		}
	}
	if err := parquetfile.Verify(r, r.Size()); err != nil {
		t.Error(err)
	}
}

func TestAFileWithoutFiltersHasNoParts(t *testing.T) {
	s := testSchema()
	data, _, _ := write(t, s, chunks(rand.New(rand.NewPCG(7, 8)), column.Leaves(&s), 20))
	f, err := parquetfile.OpenParts(bytes.NewReader(data), int64(len(data)))
	if f != nil || err != nil {
		t.Errorf("%v, %v", f, err)
	}
}

// TestEveryFlippedBitOfAPartIsFound: reading parts finds damage in what it
// reads, or reads what was written.
func TestEveryFlippedBitOfAPartIsFound(t *testing.T) {
	s := testSchema()
	leaves := column.Leaves(&s)
	group := chunks(rand.New(rand.NewPCG(9, 10)), leaves, 40)
	data, _ := writeFiltered(t, s, group, group)
	found := 0
	for i := range data {
		data[i] ^= 1 << (i % 8)
		if err := parquetfile.Verify(bytes.NewReader(data), int64(len(data))); !errors.Is(err, lake.ErrCorrupt) {
			t.Fatalf("bit in byte %d of %d: %v", i, len(data), err)
		}
		err := readParts(data, &leaves[0], group)
		if err != nil && !errors.Is(err, lake.ErrCorrupt) {
			t.Fatalf("bit in byte %d of %d: %v", i, len(data), err)
		}
		if err != nil {
			found++
		}
		data[i] ^= 1 << (i % 8)
	}
	// Two filters of 256 bytes, two times 40 ids of 16, and the footer.
	if found < 2*256+2*40*16+500 {
		t.Errorf("%d flipped bits were found", found)
	}
	for n := range data {
		if err := readParts(data[:n], &leaves[0], group); !errors.Is(err, lake.ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func readParts(data []byte, l *column.Leaf, want []column.Chunk) error {
	f, err := parquetfile.OpenParts(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	if f == nil {
		return fmt.Errorf("a key of the metadata is gone: %w", lake.ErrCorrupt)
	}
	for g := range f.Groups() {
		filter, err := f.Filter(g, 1)
		if err != nil {
			return err
		}
		if err := f.Load(g, 1); err != nil {
			return err
		}
		var ids column.Chunk
		if err := f.Read(g, l, &ids); err != nil {
			return err
		}
		if !bytes.Equal(ids.Fixed, want[0].Fixed) {
			return errors.New("other ids were read")
		}
		for i := range ids.Slots {
			if !filter.MayHold(parquetfile.FilterHash(parquetfile.ID(&ids, i))) {
				return errors.New("an id is missing in the filter")
			}
		}
	}
	return nil
}
