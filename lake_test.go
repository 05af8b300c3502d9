package lake_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
)

func TestPositionsCompareInLogOrderAndRoundTrip(t *testing.T) {
	// Kinesis sequence numbers vary in length: as text the second would come first.
	order := []string{"0", "9", "10", "10.1", "10.2", "18446744073709551616", "49590338271490256608559692538361571095921575989136588898"}
	for i, s := range order {
		p, err := lake.ParsePosition(s)
		if err != nil || p.String() != s {
			t.Fatalf("%s: %s, %v", s, p, err)
		}
		for j, other := range order {
			q, err := lake.ParsePosition(other)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Compare(q); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%s against %s: %d", s, other, got)
			}
		}
	}
	for _, bad := range []string{"", "-1", "+1", "1.", "x", "1.2.3", strings.Repeat("9", 60), "1.4294967296"} {
		if p, err := lake.ParsePosition(bad); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%q: %v, %v", bad, p, err)
		}
	}
}

func TestSpansHoldWhatComesAfterTheirStart(t *testing.T) {
	s := lake.Span{After: lake.Pos(3), To: lake.Pos(5)}
	for n, want := range map[uint64]bool{3: false, 4: true, 5: true, 6: false} {
		if s.Contains(lake.Pos(n)) != want {
			t.Errorf("%s contains %d: %v", s, n, !want)
		}
	}
	if s.String() != "(3..5]" || s.Empty() || !(lake.Span{After: lake.Pos(3), To: lake.Pos(3)}).Empty() {
		t.Errorf("%s", s)
	}
}

func TestDaysAndHoursFloorBeforeTheEpochToo(t *testing.T) {
	i := lake.InstantOf(time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC))
	if i.Day() != -1 || i.Day().String() != "1969-12-31" || i.Hour().String() != "1969-12-31T23:00:00.000000Z" {
		t.Errorf("%s: day %s, hour %s", i, i.Day(), i.Hour())
	}
	d, err := lake.ParseDay("2021-07-21")
	if err != nil || d.String() != "2021-07-21" || d.Start().Day() != d {
		t.Errorf("%s, %v", d, err)
	}
	if _, err := lake.ParseDay("21.7.2021"); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
		t.Errorf("%v", err)
	}
}

func TestTableNamesAreIdentifiers(t *testing.T) {
	for in, want := range map[string]lake.TableName{
		"account": "account", "PushEvent": "pushevent", "a-b.c": "a_b_c", "2fa": "_2fa", "events": "events_", "Events": "events_",
	} {
		if got := (lake.Name{Type: in}).Table(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestSourcesAreChecked(t *testing.T) {
	for s, ok := range map[lake.SourceID]bool{
		"shop": true, "a-b_c.d9": true, "": false, ".hidden": false, "Shop": false, "a/b": false, lake.SourceID(strings.Repeat("a", 65)): false,
	} {
		if err := s.Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestHintsSurviveWrapping(t *testing.T) {
	err := errors.Join(errors.New("other"), lake.Errorf(lake.ErrFull, "free some space", "write x"))
	if lake.Hint(err) != "free some space" || !errors.Is(err, lake.ErrFull) || lake.Hint(errors.New("plain")) != "" {
		t.Errorf("%v: hint %q", err, lake.Hint(err))
	}
}

func TestSchemasCloneDeep(t *testing.T) {
	s := lake.Schema{Columns: append(lake.SystemColumns(), lake.Column{ID: 9, Name: "a", Type: lake.TypeStruct, Fields: []lake.Column{{ID: 10, Name: "b", Type: lake.TypeLong}}}), LastID: 10}
	c := s.Clone()
	c.Columns[8].Fields[0].Name = "changed"
	if s.Equal(&c) || s.Column("A").Fields[0].Name != "b" || s.Column("none") != nil {
		t.Errorf("%+v", s.Columns[8])
	}
}

func TestBeforeIsTheStreamRecordInFront(t *testing.T) {
	for in, want := range map[string]string{
		"1": "0", "7.3": "6", "18446744073709551616": "18446744073709551615",
		"49590338271490256608559692538361571095921575989136588898.12": "49590338271490256608559692538361571095921575989136588897",
		"0": "0",
	} {
		p, err := lake.ParsePosition(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Before().String(); got != want {
			t.Errorf("before %s is %s, want %s", in, got, want)
		}
	}
}

func TestOddPositionsAreRefused(t *testing.T) {
	// 2^192 is one more than a position holds.
	for _, s := range []string{"", ".", "-1", "+1", " 1", "1 ", "1.", "1.x", "1.4294967296", "x", "1x", "0x10", "1_0",
		"6277101735386680763835789423207666416102355444464034512896", "12345678901234567890+1"} {
		if p, err := lake.ParsePosition(s); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%q is %s, %v", s, p, err)
		}
	}
	for _, s := range []string{"6277101735386680763835789423207666416102355444464034512895", "18446744073709551615", "18446744073709551616.4294967295"} {
		if p, err := lake.ParsePosition(s); err != nil || p.String() != s {
			t.Errorf("%q is %s, %v", s, p, err)
		}
	}
}

func TestSleepEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if lake.Sleep(ctx, 0) != nil || lake.Sleep(ctx, time.Nanosecond) != nil {
		t.Error("a short sleep failed")
	}
	cancel()
	for _, d := range []time.Duration{0, time.Hour} {
		if err := lake.Sleep(ctx, d); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", d, err)
		}
	}
}

func TestAnErrorNamesItsObjectOnce(t *testing.T) {
	const key = lake.Key("raw/a.gz")
	for text, want := range map[string][2]string{ // Named and Reason
		"not found":                                    {"raw/a.gz: not found", "not found"},
		"open raw/a.gz: not found":                     {"open raw/a.gz: not found", "not found"},
		"raw/a.gz has 3 bytes: corrupt":                {"raw/a.gz has 3 bytes: corrupt", "has 3 bytes: corrupt"},
		"data file raw/a.gz: open raw/a.gz: not found": {"data file raw/a.gz: open raw/a.gz: not found", "not found"},
		"create b: open raw/a.gz: not found":           {"create b: open raw/a.gz: not found", "create b: open raw/a.gz: not found"},
	} {
		if got := key.Named(errors.New(text)).Error(); got != want[0] {
			t.Errorf("named: %q, want %q", got, want[0])
		}
		if got := key.Reason(errors.New(text)); got != want[1] {
			t.Errorf("reason: %q, want %q", got, want[1])
		}
	}
	if err := key.Named(nil); err != nil {
		t.Error(err)
	}
	if err := key.Named(lake.ErrCorrupt); !errors.Is(err, lake.ErrCorrupt) {
		t.Error(err)
	}
}
