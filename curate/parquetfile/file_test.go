package parquetfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/curate/parquetfile"
)

func testSchema() lake.Schema {
	return lake.Schema{LastID: 20, Columns: []lake.Column{
		{ID: 1, Name: "id", Type: lake.TypeUUID, Required: true},
		{ID: 2, Name: "b", Type: lake.TypeBool},
		{ID: 3, Name: "n", Type: lake.TypeLong},
		{ID: 4, Name: "d", Type: lake.TypeDouble},
		{ID: 5, Name: "few", Type: lake.TypeString},
		{ID: 6, Name: "many", Type: lake.TypeString},
		{ID: 7, Name: "t", Type: lake.TypeTimestamp, Required: true},
		{ID: 8, Name: "s", Type: lake.TypeStruct, Fields: []lake.Column{
			{ID: 9, Name: "x", Type: lake.TypeString},
			{ID: 10, Name: "l", Type: lake.TypeList, Fields: []lake.Column{{ID: 11, Name: "element", Type: lake.TypeLong}}},
		}},
		{ID: 12, Name: "void", Type: lake.TypeString},
	}}
}

// chunks makes random but well-formed data of all leaves.
func chunks(rng *rand.Rand, leaves []column.Leaf, rows int) []column.Chunk {
	out := make([]column.Chunk, len(leaves))
	for i := range leaves {
		l, c := &leaves[i], &out[i]
		for range rows {
			slots := 1
			if l.MaxRep > 0 {
				slots = 1 + rng.IntN(4)
			}
			for s := range slots {
				def := byte(0)
				if l.MaxDef > 0 {
					def = byte(rng.IntN(int(l.MaxDef) + 1))
					if slots > 1 { // an element is there
						def = l.MaxDef - byte(rng.IntN(2))
					}
					if l.Path[0] == "void" {
						def = 0
					}
					c.Def = append(c.Def, def)
				}
				if l.MaxRep > 0 {
					c.Rep = append(c.Rep, byte(min(s, 1)))
				}
				c.Slots++
				if def < l.MaxDef {
					continue
				}
				switch l.Type {
				case lake.TypeBool:
					c.Bools = append(c.Bools, byte(rng.IntN(2)))
				case lake.TypeDouble:
					c.Floats = append(c.Floats, rng.NormFloat64())
				case lake.TypeUUID:
					for range 16 {
						c.Fixed = append(c.Fixed, byte(rng.Uint32()))
					}
				case lake.TypeString:
					n := rng.IntN(20)
					if l.Path[0] == "many" {
						n = rng.IntN(1 << 30)
					}
					c.AddString(fmt.Appendf(nil, "värde-%d", n))
				default:
					c.Ints = append(c.Ints, rng.Int64()-rng.Int64())
				}
			}
		}
	}
	return out
}

func writer(t *testing.T, s lake.Schema, out io.Writer) *parquetfile.Writer {
	t.Helper()
	enc, err := parquetfile.NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	w, err := parquetfile.NewWriter(out, enc, s.Columns, []parquetfile.Meta{{Key: "k", Value: "v"}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t *testing.T, s lake.Schema, groups ...[]column.Chunk) ([]byte, []lake.ColumnStat, int64) {
	t.Helper()
	var b bytes.Buffer
	w := writer(t, s, &b)
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
	rows, size, stats, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if size != int64(b.Len()) {
		t.Fatalf("size %d, wrote %d", size, b.Len())
	}
	return b.Bytes(), stats, rows
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	s := testSchema()
	leaves := column.Leaves(&s)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, rows := range []int{1, 2, 7, 1000, 70_000} {
		a, b := chunks(rng, leaves, rows), chunks(rng, leaves, 3)
		data, stats, total := write(t, s, a, b)
		if total != int64(rows+3) {
			t.Fatalf("%d rows", total)
		}
		r := bytes.NewReader(data)
		if err := parquetfile.Verify(r, r.Size()); err != nil {
			t.Fatal(err)
		}
		f, err := parquetfile.Open(r, r.Size())
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := f.Value("k"); v != "v" {
			t.Errorf("metadata k = %q", v)
		}
		for g, want := range [][]column.Chunk{a, b} {
			for i := range leaves {
				var got column.Chunk
				if err := f.Read(g, &leaves[i], &got); err != nil {
					t.Fatal(err)
				}
				if fmt.Sprint(got) != fmt.Sprint(want[i]) {
					t.Fatalf("rows %d group %d column %v differs", rows, g, leaves[i].Path)
				}
			}
		}
		for i, st := range stats {
			if st.ID != leaves[i].ID || st.Values != int64(a[i].Slots+b[i].Slots) ||
				st.Nulls != st.Values-int64(a[i].Len(leaves[i].Type)+b[i].Len(leaves[i].Type)) {
				t.Errorf("statistics of %v: %+v", leaves[i].Path, st)
			}
		}
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	s := testSchema()
	data, _, _ := write(t, s, chunks(rand.New(rand.NewPCG(3, 4)), column.Leaves(&s), 50))
	for i := range data {
		data[i] ^= 1 << (i % 8)
		r := bytes.NewReader(data)
		err := parquetfile.Verify(r, r.Size())
		if !errors.Is(err, lake.ErrCorrupt) {
			t.Fatalf("bit in byte %d of %d: %v", i, len(data), err)
		}
		data[i] ^= 1 << (i % 8)
	}
	for n := range data {
		r := bytes.NewReader(data[:n])
		if err := parquetfile.Verify(r, r.Size()); !errors.Is(err, lake.ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestLongBoundsAreShortenedOutward(t *testing.T) {
	s := lake.Schema{Columns: []lake.Column{{ID: 1, Name: "x", Type: lake.TypeString, Required: true}}}
	for name, c := range map[string]struct {
		in           []string
		lower, upper string
	}{
		"short":      {[]string{"b", "a"}, "a", "b"},
		"sixteen":    {[]string{"aaaaaaaaaaaaaaaa"}, "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa"},
		"long":       {[]string{"aaaaaaaaaaaaaaaaz"}, "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaab"},
		"rune":       {[]string{"aaaaaaaaaaaaaaaéz"}, "aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaab"},
		"surrogates": {[]string{"aaaaaaaaaaaaa\uD7FFzz"}, "aaaaaaaaaaaaa\uD7FF", "aaaaaaaaaaaaa\uE000"},
		"no upper":   {[]string{"\U0010FFFF\U0010FFFF\U0010FFFF\U0010FFFFx"}, "\U0010FFFF\U0010FFFF\U0010FFFF\U0010FFFF", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var ch column.Chunk
			for _, v := range c.in {
				ch.AddString([]byte(v))
				ch.Slots++
			}
			_, stats, _ := write(t, s, []column.Chunk{ch})
			if got := []string{string(stats[0].Lower), string(stats[0].Upper)}; !reflect.DeepEqual(got, []string{c.lower, c.upper}) {
				t.Errorf("%q", got)
			}
		})
	}
}
