package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake/config"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]config.Size{
		"0": 0, "4096": 4096, "1B": 1, "64MiB": 64 << 20, "64 mib": 64 << 20, "1.5KiB": 1536, "2GB": 2e9, "3TiB": 3 << 40, "8kb": 8000,
	} {
		got, err := config.ParseSize(text)
		if err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
		if again, err := config.ParseSize(got.String()); err != nil || again != got {
			t.Errorf("%q: written as %s, read back as %d, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1MiB", "1XiB", "1.2.3MiB", "99999999999TiB", "NaN", "1e3"} {
		if got, err := config.ParseSize(text); err == nil {
			t.Errorf("%q must be refused, got %d", text, got)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "500ms": 500 * time.Millisecond, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "2w": 336 * time.Hour,
		"1w1d": 192 * time.Hour, "1h": time.Hour, "90m": 90 * time.Minute, "0.5d": 12 * time.Hour, "1h0m5s": time.Hour + 5*time.Second,
	} {
		got, err := config.ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q: %s, %v, want %s", text, got, err, want)
		}
		if again, err := config.ParseDuration(config.FormatDuration(got)); err != nil || again != got {
			t.Errorf("%q: written as %s, read back as %s, %v", text, config.FormatDuration(got), again, err)
		}
	}
	for _, text := range []string{"", "7", "d", "-1d", "-5s", "1y", "1d-5s", "999999999999d", "7 days", "nand", "infd", "106752d", "106751d24h"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("%q must be refused, got %s", text, got)
		}
	}
	for _, text := range []string{"3650000d", "infd", "106751d24h"} {
		if _, err := config.ParseDuration(text); err == nil || !strings.Contains(err.Error(), "longer than 106751d, the longest") {
			t.Errorf("%q: %v, which does not say how long a duration may be", text, err)
		}
	}
}
