package catalogtest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/eventlake/lake"
)

// Row has the system columns of an event as curate writes them. A test embeds
// it in a row with the table's other columns.
type Row struct {
	EventID  [16]byte  `parquet:"event_id,id(1),uuid"`
	Type     string    `parquet:"event_type,id(2)"`
	Subtype  string    `parquet:"event_subtype,id(3)"`
	Created  time.Time `parquet:"created_datetime,id(4),timestamp(microsecond)"`
	Received time.Time `parquet:"received_at,id(5),timestamp(microsecond)"`
	Source   string    `parquet:"source,id(6)"`
	Shard    string    `parquet:"shard,id(7)"`
	Position string    `parquet:"position,id(8)"`
}

// RowAt is a row of the i-th second of a day, with n in its id.
func RowAt(day lake.Day, i int, n uint32) Row {
	at := day.Start().Add(time.Duration(i) * time.Second).Time()
	r := Row{Type: "lesson", Subtype: "started", Created: at, Received: at, Source: "default", Shard: "shard-000", Position: "1"}
	binary.BigEndian.PutUint32(r.EventID[:], n)
	return r
}

// Parquet makes a file of rows of a day and describes it, with the bounds of
// the time and of the column 9, an integer of so many bytes.
func Parquet[R any](t testing.TB, key lake.Key, day lake.Day, rows []R, first, last int64, width int) (lake.DataFile, []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := parquet.Write(&b, rows, parquet.Compression(&parquet.Zstd)); err != nil {
		t.Fatal(err)
	}
	le := func(v int64, width int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(v))[:width] }
	n := int64(len(rows))
	return lake.DataFile{Key: key, Day: day, Rows: n, Bytes: int64(b.Len()), Columns: []lake.ColumnStat{
		{ID: 4, Values: n, Lower: le(int64(day.Start()), 8), Upper: le(int64((day+1).Start())-1, 8)},
		{ID: 9, Values: n, Lower: le(first, width), Upper: le(last, width)},
	}}, b.Bytes()
}

// PyIceberg is the Python that has PyIceberg; without it the test is skipped.
func PyIceberg(t testing.TB) (python string) {
	t.Helper()
	if python = os.Getenv("LAKE_PYICEBERG"); python == "" {
		t.Skip("SKIPPED: PyIceberg did not read the tables; set LAKE_PYICEBERG to a Python that has local/catalog/testdata/requirements.txt installed")
	}
	return python
}

// ReadTable runs testdata/read_table.py and decodes what it says.
func ReadTable(t testing.TB, python string, said any, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), python, append([]string{"testdata/read_table.py"}, args...)...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("read_table.py: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, said); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
}
