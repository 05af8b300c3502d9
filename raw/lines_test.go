package raw_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

func TestLinesOfAnyLengthComeWhole(t *testing.T) {
	want := []string{"a\n", "\n", strings.Repeat("b", 15) + "\n", strings.Repeat("c", 16) + "\n", strings.Repeat("d", 1000) + "\n", "e\n", "no end"}
	for name, in := range map[string]io.Reader{
		"at once":     strings.NewReader(strings.Join(want, "")),
		"in bytes":    iotest.OneByteReader(strings.NewReader(strings.Join(want, ""))),
		"end by data": iotest.DataErrReader(strings.NewReader(strings.Join(want, ""))),
	} {
		var got []string
		if err := raw.Lines(in, 16, func(line []byte) error { got = append(got, string(line)); return nil }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestLinesPassErrorsOn(t *testing.T) {
	odd := errors.New("odd")
	in := io.MultiReader(strings.NewReader("a\nbc"), iotest.ErrReader(odd))
	n := 0
	if err := raw.Lines(in, 16, func([]byte) error { n++; return nil }); !errors.Is(err, odd) || n != 1 {
		t.Errorf("%v after %d lines", err, n)
	}
	if err := raw.Lines(strings.NewReader("a\nb\n"), 16, func([]byte) error { return odd }); !errors.Is(err, odd) {
		t.Error(err)
	}
}

func TestALineWithoutEndIsDamage(t *testing.T) {
	endless := bytes.NewReader(bytes.Repeat([]byte("x"), 7*lake.MaxBody+1))
	err := raw.Lines(endless, 64<<10, func([]byte) error { t.Error("a line"); return nil })
	if !errors.Is(err, lake.ErrCorrupt) {
		t.Error(err)
	}
}
