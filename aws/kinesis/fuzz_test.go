package kinesis_test

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
)

// FuzzUnpack: no record is an error, none takes more memory than it may, and
// every byte of it is in an event, or is white space between events, or is the
// frame of an aggregate.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte(""), byte(0))
	f.Add([]byte("{\"a\":1}\n\n{\"b\":2}\nbroken"), byte(0))
	f.Add(pack(event(1, 40), event(2, 50), lake.Event{Source: "x", Body: []byte("\x00")}), byte(0))
	f.Add(pack(event(1, 40), event(2, 50))[4:90], byte(1))
	f.Add([]byte("\x0a\x01k\x1a\x07\x08\x00\x1a\x03\x1f\x8b\x08"), byte(1))
	f.Add(gz(f, "{\"a\":1}\n{}"), byte(0))
	f.Add(zst(f, "{\"a\":1}\n{}"), byte(0))
	f.Add([]byte("{\"a\":1}\n{}"), byte(2))
	for _, v := range vectors(f) {
		f.Add(v.Data, byte(0))
	}
	u := kinesis.NewUnpacker(kinesis.UnpackOptions{})
	var records []lake.Record
	f.Fuzz(func(t *testing.T, data []byte, how byte) {
		plain := data
		switch how {
		case 1: // a message that the checksum does not keep out
			data = []byte(seal(string(data)))
		case 2:
			data = gz(t, string(data))
		case 3:
			data = zst(t, string(data))
		}
		before := bytes.Clone(data)
		records = u.Unpack(records[:0], place, arrived, data)
		if !bytes.Equal(data, before) {
			t.Fatal("the record was changed")
		}
		if len(records) == 0 || len(records) > 100_000 {
			t.Fatalf("%d events", len(records))
		}
		total := 0
		for i, r := range records {
			if r.Position != (lake.Position{Seq: place.Seq, Sub: uint32(i)}) || r.Source.Validate() != nil {
				t.Fatalf("event %d: %+v", i, r)
			}
			total += len(r.Body)
		}
		if total > max(100*len(data), 1<<20)+len(data) {
			t.Fatalf("%d bytes became %d", len(data), total)
		}
		if len(records) == 1 && bytes.Equal(records[0].Body, data) {
			return
		}
		switch {
		case compressed(data) && how < 2: // what it should be only the decoder knows
		case compressed(data):
			accounted(t, plain, records)
		case bytes.HasPrefix(data, []byte("\xf3\x89\x9a\xc2")):
			accountedAggregate(t, data, records)
		default:
			accounted(t, data, records)
		}
	})
}

func compressed(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0x1f, 0x8b, 8}) || bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd})
}

// accounted checks that the bodies lie in the text one after the other with
// nothing but white space around them.
func accounted(t *testing.T, text []byte, records []lake.Record) {
	t.Helper()
	if compressed(text) || bytes.HasPrefix(text, []byte("\xf3\x89\x9a\xc2")) {
		return // one layer is opened; what is inside is covered by itself
	}
	rest := text
	for i, r := range records {
		at := bytes.Index(rest, r.Body)
		if at < 0 || len(bytes.Trim(rest[:at], " \t\r\n")) > 0 {
			t.Fatalf("event %d %q does not follow in %q", i, r.Body, rest)
		}
		rest = rest[at+len(r.Body):]
	}
	if len(bytes.Trim(rest, " \t\r\n")) > 0 {
		t.Fatalf("%q is in no event", rest)
	}
}

// accountedAggregate finds the data of all user records in its own way and
// checks that each is in the events.
func accountedAggregate(t *testing.T, data []byte, records []lake.Record) {
	t.Helper()
	var bodies []byte
	for _, r := range records {
		bodies = append(bodies, r.Body...)
	}
	for message := data[4 : len(data)-16]; len(message) > 0; {
		number, kind, n := protowire.ConsumeTag(message)
		size := protowire.ConsumeFieldValue(number, kind, message[n:])
		value := message[n : n+size]
		message = message[n+size:]
		if number != 3 || kind != protowire.BytesType {
			continue
		}
		record, _ := protowire.ConsumeBytes(value)
		var last []byte // of a field that comes twice the last one counts
		for len(record) > 0 {
			number, kind, n := protowire.ConsumeTag(record)
			size := protowire.ConsumeFieldValue(number, kind, record[n:])
			if number == 3 && kind == protowire.BytesType {
				last, _ = protowire.ConsumeBytes(record[n:])
			}
			record = record[n+size:]
		}
		if compressed(last) {
			return
		}
		if bytes.IndexByte(last, '\n') < 0 && !bytes.HasPrefix(bodies, last) {
			t.Fatalf("user record %q is not at the begin of %q", last, bodies)
		}
		if bytes.IndexByte(last, '\n') < 0 {
			bodies = bodies[len(last):]
			continue
		}
		for _, c := range last { // lines: the same bytes but for white space
			switch {
			case len(bodies) > 0 && bodies[0] == c:
				bodies = bodies[1:]
			case c != ' ' && c != '\n' && c != '\r' && c != '\t':
				t.Fatalf("byte %q of %q is in no event", c, last)
			}
		}
	}
	if len(bodies) > 0 {
		t.Fatalf("nothing in the record is %q", bodies)
	}
}
