package kinesis_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
)

const arrived = lake.Instant(1_767_225_600_000_000)

// place is the position of a record in a test.
var place = lake.Position{Seq: [3]uint64{0x2, 0x30405, 0x60708090a0b0c0d}}

// event makes the n-th event, with a body of size bytes.
func event(n, size int) lake.Event {
	rng := rand.New(rand.NewPCG(uint64(n), 7))
	e := lake.Event{Source: "shop", Received: arrived.Add(-1e9)}
	for i := range e.ID {
		e.ID[i] = byte(rng.Uint32())
	}
	e.Body = fmt.Appendf(nil, `{"n":%d,"pad":"`, n)
	for len(e.Body) < size-2 {
		for x := rng.Uint64(); x > 0 && len(e.Body) < size-2; x >>= 8 {
			e.Body = append(e.Body, "abcdefghijklmnopqrstuvwxyz012345"[x&31])
		}
	}
	e.Body = append(e.Body, `"}`...)
	return e
}

func pack(events ...lake.Event) []byte {
	var p kinesis.Packer
	for i := range events {
		p.Add(&events[i])
	}
	return p.AppendTo(nil)
}

// unpack takes a record apart and checks what holds for every record.
func unpack(t testing.TB, data []byte) []lake.Record {
	t.Helper()
	got := kinesis.NewUnpacker(kinesis.UnpackOptions{}).Unpack(nil, place, arrived, data)
	if len(got) == 0 {
		t.Fatal("no event")
	}
	for i, r := range got {
		if want := (lake.Position{Seq: place.Seq, Sub: uint32(i)}); r.Position != want {
			t.Fatalf("event %d is at %s", i, r.Position)
		}
	}
	return got
}

func bodies(records []lake.Record) (out []string) {
	for _, r := range records {
		out = append(out, string(r.Body))
	}
	return out
}

func TestPackedEventsComeBackAsTheyWere(t *testing.T) {
	events := []lake.Event{
		event(1, 100), event(2, 20_000), event(3, 40), event(4, 300_000),
		{Body: []byte("not \x00 JSON\n\xff\n{}\n")}, {Source: "a", Received: 1}, {Source: "a", Received: -1, Body: []byte("{}")},
		{Source: "shop", Body: []byte{}}, event(5, 127), event(6, 128),
	}
	for i := range 300 { // indexes of one and of two bytes
		events = append(events, event(10+i, 50))
	}
	got := unpack(t, pack(events...))
	if len(got) != len(events) {
		t.Fatalf("%d events, want %d", len(got), len(events))
	}
	for i, e := range events {
		if e.Source == "" {
			e.Source = lake.DefaultSource
		}
		if r := got[i]; r.ID != e.ID || r.Source != e.Source || r.Received != e.Received || !bytes.Equal(r.Body, e.Body) {
			t.Errorf("event %d: %v %q %d %.40q, want %v %q %d %.40q", i, r.ID, r.Source, r.Received, r.Body, e.ID, e.Source, e.Received, e.Body)
		}
	}
}

func TestSizesAreAsAnnounced(t *testing.T) {
	var p kinesis.Packer
	if p.Size() != 0 || len(p.AppendTo(nil)) != 0 {
		t.Fatal("an empty packer has bytes")
	}
	for round := range 2 {
		for i := range 2000 {
			e := event(i, i*7%3000)
			e.Received += lake.Instant(i % 3)
			bound := p.SizeWith(e.Source, len(e.Body))
			p.Add(&e)
			if size := p.Size(); size > bound {
				t.Fatalf("event %d: %d bytes, announced %d", i, size, bound)
			}
		}
		data := p.AppendTo([]byte("before"))
		if n := len(data) - len("before"); n > p.Size() || n < p.Size()-40 {
			t.Errorf("round %d: %d bytes, announced %d", round, n, p.Size())
		}
		if got := unpack(t, data[len("before"):]); len(got) != 2000 || p.Events() != 2000 {
			t.Errorf("%d events", len(got))
		}
		p.Reset()
	}
}

func TestHashKeyIsTheFirstIDAsANumber(t *testing.T) {
	for _, digits := range []string{
		"00000000000000000000000000000000", "00000000000000000000000000000001", "0000000000000000ffffffffffffffff",
		"00000000000000010000000000000000", "00000000000000008ac7230489e80000", "ffffffffffffffffffffffffffffffff",
		"80000000000000000000000000000000", "4b3b4ca85a86c47a098a224000000000", "0123456789abcdef0123456789abcdef",
	} {
		var id lake.ID
		if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
			t.Fatal(err)
		}
		want, ok := new(big.Int).SetString(digits, 16)
		if !ok {
			t.Fatal(digits)
		}
		var p kinesis.Packer
		p.Add(&lake.Event{ID: id})
		p.Add(&lake.Event{ID: lake.ID{1, 2, 3}})
		if p.HashKey() != want.String() || p.PartitionKey() != digits[:8] {
			t.Errorf("%s: %s %s, want %s", digits, p.HashKey(), p.PartitionKey(), want)
		}
	}
}
