package awslocal

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/eventlake/lake"
)

// Moto starts a moto for one test and ends it with the test. Where moto is not
// installed the test is skipped, or fails when LAKE_AWS=required.
func Moto(t testing.TB) *Endpoint {
	t.Helper()
	return forTest(t, func(ctx context.Context, tools Tools) (*Endpoint, error) { return StartMoto(ctx, tools) })
}

// Kinesalite is Moto for a kinesalite.
func Kinesalite(t testing.TB, opts KinesaliteOptions) *Endpoint {
	t.Helper()
	return forTest(t, func(ctx context.Context, tools Tools) (*Endpoint, error) { return StartKinesalite(ctx, tools, opts) })
}

func forTest(t testing.TB, start func(context.Context, Tools) (*Endpoint, error)) *Endpoint {
	t.Helper()
	tools, err := FindTools(".")
	if err != nil {
		t.Fatal(err)
	}
	e, err := start(t.Context(), tools)
	mustStart(t, err)
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
		if said := e.Said(); t.Failed() && said != "" {
			t.Logf("the emulator said last:\n%s", said)
		}
	})
	return e
}

// Glue serves moto's Glue with the check of versions for one test.
func Glue(t testing.TB, moto *Endpoint) *Endpoint {
	t.Helper()
	e, err := StartGlue(moto)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// NewCloud starts a cloud for one test, with the tools of the repository.
func NewCloud(t testing.TB, o CloudOptions) *Cloud {
	t.Helper()
	tools, err := FindTools(".")
	if err != nil {
		t.Fatal(err)
	}
	o.Tools = tools
	c, err := StartCloud(t.Context(), o)
	mustStart(t, err)
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// mustStart ends a test whose emulators did not start.
func mustStart(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, ErrNotInstalled) && os.Getenv("LAKE_AWS") != "required":
		t.Skipf("NOT TESTED against AWS's emulators: %v; %s", err, lake.Hint(err))
	case err != nil:
		t.Fatalf("%v; %s", err, lake.Hint(err))
	}
}

// Need skips a test, or fails it when LAKE_AWS=required, where the emulators
// are not installed.
func Need(t testing.TB) {
	t.Helper()
	tools, err := FindTools(".")
	if err != nil {
		t.Fatal(err)
	}
	mustStart(t, errors.Join(need("moto", tools.Python), need("kinesalite", tools.NodeModules)))
}
