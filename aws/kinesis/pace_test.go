package kinesis_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
)

// quota is the room of a shard: 1 MiB in every second, and when something was
// refused, nothing in the rest of that second.
type quota struct {
	second int64
	used   int
}

func (q *quota) take(size int) bool {
	if now := time.Now().Unix(); now != q.second {
		*q = quota{second: now}
	}
	q.used += size
	return q.used <= 1<<20
}

func paced(t *testing.T, f *fake, share float64) *kinesis.Paced {
	t.Helper()
	s, err := kinesis.New(f, kinesis.Options{Stream: "events"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Paced(share)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestAPacedStreamTakesItsShareAndNoMore of all shards, in every second.
func TestAPacedStreamTakesItsShareAndNoMore(t *testing.T) {
	for _, test := range []struct {
		shards int
		share  float64
	}{{1, 0.5}, {4, 0.5}, {1, 1}, {2, 0.1}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t, test.shards)
			f.latency = 20 * time.Millisecond
			type put struct {
				at   time.Time
				size int
			}
			var puts []put
			f.room = func(_ lake.ShardID, size int) bool { puts = append(puts, put{time.Now(), size}); return true }
			p := paced(t, f, test.share)
			rate := test.share * float64(test.shards) * (1 << 20) // bytes a second
			begun, total := time.Now(), 0
			for batch := range 8 {
				out := events(1000*batch, 1000, 1000)
				total += 1000 * 1000
				if err := p.Append(t.Context(), out); err != nil {
					t.Fatal(err)
				}
			}
			took, want := time.Since(begun).Seconds(), float64(total)/rate
			if took < 0.95*want || took > 1.35*want { // packing and the first breath aside
				t.Errorf("%d shards, share %g: %.1f s, want about %.1f s", test.shards, test.share, took, want)
			}
			for i, from := range puts {
				within := 0
				for _, q := range puts[i:] {
					if q.at.Sub(from.at) >= time.Second {
						break
					}
					within += q.size
				}
				if float64(within) > 1.35*rate {
					t.Fatalf("%d shards, share %g: %d bytes in one second, of %.0f", test.shards, test.share, within, rate)
				}
			}
			if st := p.Stats(); st.Slowed != 0 {
				t.Errorf("slowed %d times although there was room", st.Slowed)
			}
		})
	}
}

// TestAPacedStreamGivesWay: producers take 9 tenths of a shard, and half of it
// was asked for.
func TestAPacedStreamGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, q := newFake(t, 1), &quota{}
		f.latency = 20 * time.Millisecond
		f.room = func(_ lake.ShardID, size int) bool { return q.take(size) }
		p := paced(t, f, 0.5)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		sent, refused := 0, 0
		produced := make(chan struct{})
		go func() {
			defer close(produced)
			for ctx.Err() == nil { // 18 KiB every 20 ms, without a second try
				time.Sleep(20 * time.Millisecond)
				f.mu.Lock()
				if sent++; !q.take(18 << 20 / 1000) {
					refused++
				}
				f.mu.Unlock()
			}
		}()
		published := 0
		for ctx.Err() == nil {
			err := p.Append(ctx, events(published, 100, 1000))
			if err == nil {
				published += 100
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
				break
			}
		}
		<-produced
		time.Sleep(time.Minute) // what was on its way when the time ended
		if share := float64(refused) / float64(sent); share > 0.05 {
			t.Errorf("%.0f %% of what producers sent was refused", 100*share)
		}
		t.Logf("%d of %d refused, %d KiB published, slowed %d times", refused, sent, published, p.Stats().Slowed)
		// There is room for 60 MiB in the ten minutes. Without giving way a third of
		// what producers send was refused.
		if mib := published / 1000; mib < 30 || p.Stats().Slowed == 0 {
			t.Errorf("%d MiB were published; slowed %d times", mib, p.Stats().Slowed)
		}
	})
}

// TestAPacedStreamOutlastsAFullOne and one that takes a part of what it is given.
func TestAPacedStreamOutlastsAFullOne(t *testing.T) {
	for name, full := range map[string]func(shard lake.ShardID) bool{
		"nothing is taken": func(lake.ShardID) bool { return true },
		"a part is taken":  func(shard lake.ShardID) bool { return shard == "shardId-000000000001" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t, 2)
				begun := time.Now()
				f.room = func(shard lake.ShardID, _ int) bool { return !full(shard) || time.Since(begun) > time.Minute }
				p, all := paced(t, f, 0.5), events(0, 500, 1000)
				if err := p.Append(t.Context(), all); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begun); took < time.Minute || took > 3*time.Minute {
					t.Errorf("it took %s", took)
				}
				stored := f.stored()
				for i, e := range all {
					if stored[e.ID] == 0 {
						t.Errorf("event %d is not stored", i)
					}
				}
				f.room = func(shard lake.ShardID, _ int) bool { return !full(shard) }
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := p.Append(ctx, all); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() == nil {
					t.Errorf("while there is no room: %v", err)
				}
				time.Sleep(time.Minute) // what was on its way
			})
		})
	}
}

func TestAShareIsAPartOfTheQuota(t *testing.T) {
	s, err := kinesis.New(newFake(t, 1), kinesis.Options{Stream: "events"})
	if err != nil {
		t.Fatal(err)
	}
	for _, share := range []float64{-1, 0, 1.01} {
		if _, err := s.Paced(share); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("share %g: %v", share, err)
		}
	}
}
