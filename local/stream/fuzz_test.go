package stream

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
)

// makeFrame encodes events as one frame whose first position is first.
func makeFrame(events []lake.Event, first uint64, salt uint32) []byte {
	g := newGroup(nil, nil)
	order := make([]int32, len(events))
	for i := range order {
		order[i] = int32(i)
	}
	var last lake.Instant
	for len(order) > 0 {
		order = order[g.add(events, order, last):]
		last = g.time
	}
	sealFrame(g.buf, frame{kind: kindRecords, count: uint64(g.count), first: first, time: g.time}, salt)
	return g.buf
}

// randomEvents makes events with few sources and times, so that runs form.
func randomEvents(rng *rand.Rand, n int) []lake.Event {
	out := make([]lake.Event, n)
	at := lake.Instant(1000)
	for i := range out {
		if rng.IntN(4) == 0 {
			at += lake.Instant(rng.IntN(5) - 1)
		}
		e := lake.Event{Source: lake.SourceID([]string{"a", "b", ""}[rng.IntN(9)/4]), Received: at, Body: make([]byte, rng.IntN(300))}
		binary.BigEndian.PutUint64(e.ID[:], rng.Uint64())
		for j := range e.Body {
			e.Body[j] = byte(rng.Uint32())
		}
		out[i] = e
	}
	return out
}

func TestFramesComeBackFromAnyPosition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		events := randomEvents(rng, 1+rng.IntN(40))
		b := makeFrame(events, 100, 7)
		f, ok := parseFrame(b, 7)
		if !ok || !f.valid(b[frameHeaderSize:]) || frameCRC(b, 7) != f.crc || frameCRC(b, 8) == f.crc {
			t.Fatalf("frame %+v does not check", f)
		}
		from := 100 + uint64(rng.IntN(len(events)))
		var batch lake.Batch
		var known names
		last := lake.Instant(0)
		for at := from; at < 100+uint64(len(events)); {
			left := 1 + rng.IntN(1000)
			before := len(batch.Records)
			next, ok := decode(f, b[frameHeaderSize:], nil, at, &left, &batch, &known, rng.IntN(2) == 0)
			if !ok || next == at || len(batch.Records)-before != int(next-at) {
				t.Fatalf("decode from %d: next %d, %v", at, next, ok)
			}
			at = next
		}
		for i, r := range batch.Records {
			e := events[from-100+uint64(i)]
			n, _ := r.Position.Uint64()
			if n != from+uint64(i) || r.ID != e.ID || r.Source != e.Source || !bytes.Equal(r.Body, e.Body) || r.Received < e.Received || r.Received < last {
				t.Fatalf("record %d is %+v, want %+v", n, r, e)
			}
			last = r.Received
		}
	}
}

// FuzzFrame decodes any bytes as a frame's body: never a panic, never a record
// that the frame does not say it has, and what is valid decodes whole.
func FuzzFrame(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 5 {
		f.Add(makeFrame(randomEvents(rng, 1+n*3), 1, 0)[frameHeaderSize:], uint16(1+n*3), uint16(n), uint16(100))
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, uint16(1), uint16(0), uint16(1))
	f.Fuzz(func(t *testing.T, body []byte, count, skip, want uint16) {
		if count == 0 {
			return
		}
		b := append(make([]byte, frameHeaderSize), body...)
		sealFrame(b, frame{kind: kindRecords, count: uint64(count), first: 10, time: 1}, 0)
		fr, ok := parseFrame(b, 0)
		if !ok {
			return
		}
		valid := fr.valid(body)
		from := fr.first + uint64(skip)%fr.count
		for _, inPlace := range []bool{true, false} {
			var batch lake.Batch
			var known names
			for at, ok := from, true; ok && at <= fr.last(); {
				left := int(want)
				if left == 0 {
					left = 1
				}
				before := at
				at, ok = decode(fr, body, nil, at, &left, &batch, &known, inPlace)
				if valid && (!ok || at <= before) {
					t.Fatalf("a valid frame stops at %d: %v", at, ok)
				}
				if ok && at <= before {
					break // malformed: nothing came
				}
			}
			if n := uint64(len(batch.Records)); n > fr.count || valid && n != fr.last()+1-from {
				t.Fatalf("%d records of %d from %d", n, fr.count, from)
			}
		}
	})
}

// FuzzSegment opens any bytes as the last segment: recovery ends, and what it
// accepts can be read and checks.
func FuzzSegment(f *testing.F) {
	head := appendHeader(nil, header{first: 1, salt: 5})
	rng := rand.New(rand.NewPCG(3, 4))
	one := makeFrame(randomEvents(rng, 3), 1, saltCRC(5))
	two := makeFrame(randomEvents(rng, 2), 4, saltCRC(5))
	f.Add(append(append(append([]byte(nil), head...), one...), two...), uint32(0), byte(0))
	f.Add(append(append([]byte(nil), head...), one...), uint32(90), byte(1))
	f.Add(head, uint32(3), byte(8))
	f.Fuzz(func(t *testing.T, file []byte, at uint32, x byte) {
		if len(file) > 0 {
			file = append([]byte(nil), file...)
			file[int(at)%len(file)] ^= x
		}
		fsys := crashfs.New(1)
		ctx := context.Background()
		if err := fsys.Mkdir("s/shard-000"); err != nil {
			t.Fatal(err)
		}
		if err := writeJSON(fsys, "s/"+metaName, meta{Version: 1, Shards: 1, Salt: 5}); err != nil {
			t.Fatal(err)
		}
		w, err := fsys.Create(segmentPath("s/shard-000", 1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(file); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(ctx, fsys, "s", func(Problem) {}); err != nil {
			t.Fatal(err)
		}
		s, err := Open(ctx, fsys, "s", Options{})
		if err != nil {
			if _, err := Repair(ctx, fsys, "s", Known{}); err != nil {
				t.Fatal(err)
			}
			if s, err = Open(ctx, fsys, "s", Options{}); err != nil {
				t.Fatalf("after the repair: %v", err)
			}
		}
		var b lake.Batch
		for after := (lake.Position{}); ; after = b.Span(after).To {
			if err := s.Read(ctx, "shard-000", after, 100, &b); err != nil {
				t.Fatal(err)
			}
			if len(b.Records) == 0 {
				break
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(ctx, fsys, "s", func(p Problem) { t.Error(p) }); err != nil {
			t.Fatal(err)
		}
	})
}
