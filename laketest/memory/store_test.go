package memory_test

import (
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/laketest/storetest"
)

func TestStore(t *testing.T) {
	storetest.Suite(t, func(*testing.T) (lake.Store, func() lake.Store) {
		s := memory.NewStore()
		return s, func() lake.Store { return s }
	})
}
