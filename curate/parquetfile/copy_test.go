package parquetfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/curate/parquetfile"
)

// copied writes a file of the row groups of the files, copying what it can;
// what it cannot is read and written anew.
func copied(t *testing.T, s lake.Schema, filter lake.ColumnID, files ...[]byte) (data []byte, stats []lake.ColumnStat, encoded []lake.ColumnID) {
	t.Helper()
	var b bytes.Buffer
	w := writer(t, s, &b)
	w.FilterOn(filter)
	for _, file := range files {
		f, err := parquetfile.Open(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		for g, rows := range f.Groups() {
			w.BeginRowGroup(rows)
			for _, l := range w.Leaves() {
				var c column.Chunk
				if w.CanCopy(f) {
					err = w.Copy(f, g, &c)
				} else if err = f.Read(g, &l, &c); err == nil {
					encoded = append(encoded, l.ID)
					err = w.Column(&c)
				}
				if err != nil {
					t.Fatalf("%v: %v", l.Path, err)
				}
			}
			if err := w.EndRowGroup(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, _, stats, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), stats, encoded
}

func TestCopiedRowGroupsAreThoseThatWereWritten(t *testing.T) {
	s := testSchema()
	leaves := column.Leaves(&s)
	rng := rand.New(rand.NewPCG(5, 6))
	for _, rows := range []int{1, 7, 1000, 70_000} {
		a, b := chunks(rng, leaves, rows), chunks(rng, leaves, 3)
		for i := range leaves { // too long for the bounds in a footer
			if leaves[i].Path[0] == "few" {
				a[i].Text = bytes.ReplaceAll(a[i].Text, []byte("värde"), bytes.Repeat([]byte("x"), len("värde")))
				grow(&a[i], 80)
			}
		}
		whole, wantStats, _ := write(t, s, a, b)
		one, _, _ := write(t, s, a)
		two, _, _ := write(t, s, b)
		data, stats, encoded := copied(t, s, 0, one, two)
		if len(encoded) != 0 {
			t.Fatalf("columns %v were not copied", encoded)
		}
		if !bytes.Equal(data, whole) {
			t.Errorf("%d rows: the copy has %d bytes and is not the file of %d bytes that is written at once", rows, len(data), len(whole))
		}
		if !reflect.DeepEqual(stats, wantStats) {
			t.Errorf("%d rows: statistics\n%+v, want\n%+v", rows, stats, wantStats)
		}
		r := bytes.NewReader(data)
		if err := parquetfile.Verify(r, r.Size()); err != nil {
			t.Fatal(err)
		}
		again, _, _ := copied(t, s, 0, data) // and once more, from other offsets
		if !bytes.Equal(again, whole) {
			t.Errorf("%d rows: the copy of the copy differs", rows)
		}
	}
}

// grow makes every string longer by n bytes.
func grow(c *column.Chunk, n int) {
	old := c.Values
	c.Values = column.Values{}
	for i := range old.Ends {
		c.AddString(append(bytes.Repeat([]byte("long"), n/4), old.String(i)...))
	}
}

func TestPagesOfACopyAreFoundByTheirIndex(t *testing.T) {
	s := testSchema()
	leaves := column.Leaves(&s)
	const rows = 150_000 // several pages
	rng := rand.New(rand.NewPCG(7, 8))
	a := chunks(rng, leaves, rows)
	one, _, _ := write(t, s, chunks(rng, leaves, 5))
	two, _, _ := write(t, s, a)
	data, _, _ := copied(t, s, 0, one, two)
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range leaves {
		if leaves[i].Path[0] != "t" {
			continue
		}
		for _, row := range []int{65_535, 65_536, 99_999, rows - 1} {
			pages := f.RowGroups()[1].ColumnChunks()[i].Pages()
			if err := pages.SeekToRow(int64(row)); err != nil {
				t.Fatal(err)
			}
			page, err := pages.ReadPage()
			if err != nil {
				t.Fatal(err)
			}
			var v [1]parquet.Value
			if n, err := page.Values().ReadValues(v[:]); n != 1 {
				t.Fatalf("%d values, %v", n, err)
			} else if err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if v[0].Int64() != a[i].Ints[row] {
				t.Errorf("row %d is %d, want %d", row, v[0].Int64(), a[i].Ints[row])
			}
			if err := pages.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestColumnsThatHaveChangedAreNotCopied(t *testing.T) {
	old := lake.Schema{LastID: 4, Columns: []lake.Column{
		{ID: 1, Name: "id", Type: lake.TypeUUID, Required: true},
		{ID: 2, Name: "n", Type: lake.TypeInt},
		{ID: 3, Name: "s", Type: lake.TypeString},
	}}
	now := lake.Schema{LastID: 4, Columns: []lake.Column{old.Columns[0],
		{ID: 2, Name: "n", Type: lake.TypeLong}, {ID: 3, Name: "s", Type: lake.TypeString}}}
	var id, n, str column.Chunk
	id.Fixed, id.Slots = bytes.Repeat([]byte{7}, 32), 2
	n.Ints, n.Def, n.Slots = []int64{-5}, []byte{0, 1}, 2
	str.Def, str.Slots = []byte{1, 1}, 2
	str.AddString([]byte("a"))
	str.AddString([]byte("b"))
	file, _, _ := write(t, old, []column.Chunk{id, n, str})
	data, stats, encoded := copied(t, now, 1, file)
	if want := []lake.ColumnID{1, 2}; !reflect.DeepEqual(encoded, want) {
		t.Errorf("%v were written anew, want %v: the column with filters and the one with another type", encoded, want)
	}
	f, err := parquetfile.OpenParts(bytes.NewReader(data), int64(len(data)))
	if err != nil || f == nil {
		t.Fatalf("%v, %v", f, err)
	}
	filter, err := f.Filter(0, 1)
	if err != nil || !filter.MayHold(parquetfile.FilterHash(lake.ID(id.Fixed[:16]))) {
		t.Errorf("the filter does not hold its id: %v", err)
	}
	leaves := column.Leaves(&now)
	var got column.Chunk
	if err := f.Read(0, &leaves[1], &got); err != nil || fmt.Sprint(got) != fmt.Sprint(n) {
		t.Errorf("%+v, %v", got, err)
	}
	if string(stats[2].Lower) != "a" || string(stats[2].Upper) != "b" || stats[1].Nulls != 1 {
		t.Errorf("statistics %+v", stats)
	}
}
