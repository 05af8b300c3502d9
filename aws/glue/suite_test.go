package glue_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/glue"
	"github.com/eventlake/lake/laketest/catalogtest"
	"github.com/eventlake/lake/laketest/memory"
)

func TestContract(t *testing.T) {
	catalogtest.Suite(t, func(t *testing.T, clock lake.Clock) catalogtest.Backend {
		return backend(t, newFake(), memory.NewStore(), glue.Options{Clock: clock})
	})
}

// backend is a catalog over Glue and a store, for the suite.
func backend(t *testing.T, api glue.API, store lake.Store, o glue.Options) catalogtest.Backend {
	t.Helper()
	open := func(t testing.TB) lake.Catalog { return open(t, api, store, o) }
	return catalogtest.Backend{
		Catalog: open(t),
		Put:     func(t testing.TB, key lake.Key, bytes int64) { put(t, store, key, bytes) },
		Has: func(t testing.TB, key lake.Key) bool {
			t.Helper()
			o, err := store.Open(context.Background(), key)
			if errors.Is(err, lake.ErrNotFound) {
				return false
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			return true
		},
		Reopen: open, // nothing but what Glue and the store have survives
	}
}

func open(t testing.TB, api glue.API, store lake.Store, o glue.Options) *glue.Catalog {
	t.Helper()
	if o.Database == "" {
		o.Database, o.Root = database, root
	}
	if o.Retry == nil {
		o.Retry = quick()
	}
	c, err := glue.New(api, store, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const root = "s3://lake-test/below"

// quick tries often and hardly pauses.
func quick() *awsapi.Retry { return &awsapi.Retry{Tries: 20, Base: 1, Max: 1000} }

func put(t testing.TB, store lake.Store, key lake.Key, bytes int64) {
	t.Helper()
	if _, err := store.Create(context.Background(), key, func(w io.Writer) error {
		_, err := w.Write(make([]byte, bytes))
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
