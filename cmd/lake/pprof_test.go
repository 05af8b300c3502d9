package main

import (
	"log/slog"
	"testing"
)

func TestPprofListensOnThisMachineOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "[::]:0", "localhost", "example.com:1"} {
		if stop, err := servePprof(addr, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s was taken", addr)
			if err := stop(); err != nil {
				t.Error(err)
			}
		}
	}
	stop, err := servePprof("127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
