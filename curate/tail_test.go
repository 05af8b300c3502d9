package curate

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

func tailLines() [][]byte {
	var out [][]byte
	for _, body := range []string{`{}`, `{"a":1}`, `{"a":"\\"}`, `{"a":"event_id\":\""}`, `{"event_id":"x","lake_shard":"y"}`, `{"a":"\",\"shard\":\""}`} {
		for _, name := range []string{"order", `o"r`, `or\`, `or\"`, "日本", ""} {
			for _, weak := range []bool{false, true} {
				f := raw.Fields{ID: lake.ID{1, 2, 0xfe}, Type: []byte(name), Subtype: []byte(name), Created: 1, Source: "web",
					Shard: "shard-000", Position: lake.Pos(42), Received: 1700000000000001, Weak: weak}
				if bytes.Contains([]byte(body), []byte(`"event_id":`)) {
					f.Taken = 1 | 1<<5
				}
				out = append(out, bytes.TrimSuffix(raw.Append(nil, []byte(body), &f), []byte("\n")))
			}
		}
	}
	return out
}

func sameSplit(t *testing.T, line []byte) {
	t.Helper()
	var a, b raw.Fields
	got, gotErr := split(line, &a)
	want, wantErr := raw.Split(line, &b)
	if (gotErr == nil) != (wantErr == nil) {
		t.Fatalf("%s: %v, want %v", line, gotErr, wantErr)
	}
	if gotErr == nil && (!bytes.Equal(got, want) || !reflect.DeepEqual(a, b)) {
		t.Fatalf("%s\n%s %+v\n%s %+v", line, got, a, want, b)
	}
}

func TestSplitFromTheEndIsSplit(t *testing.T) {
	for _, line := range tailLines() {
		sameSplit(t, line)
	}
}

func FuzzSplitFromTheEnd(f *testing.F) {
	for _, line := range tailLines() {
		f.Add(line, 3, byte('"'))
	}
	f.Fuzz(func(t *testing.T, line []byte, at int, c byte) {
		if len(line) > 0 && at >= 0 {
			line[at%len(line)] = c
		}
		var a raw.Fields
		if _, err := split(line, &a); err != nil {
			return
		}
		if body := splitTail(line, &a); body != nil { // never takes what the slow way refuses
			var b raw.Fields
			want, err := raw.Split(line, &b)
			if err != nil || !bytes.Equal(body, want) {
				t.Fatalf("%q: %q, %q, %v", line, body, want, err)
			}
		}
	})
}
