package raw_test

import (
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/laketest/sinktest"
	"github.com/eventlake/lake/raw"
)

func TestWriterKeepsTheContractOfSinks(t *testing.T) {
	sinktest.Suite(t, func(t *testing.T) (lake.Sink, sinktest.Kept) {
		store := memory.NewStore()
		gz, err := raw.NewCompressor(store, 1)
		if err != nil {
			t.Fatal(err)
		}
		return raw.NewWriter(gz, nil), func(t *testing.T) map[lake.Partition][]string {
			kept := map[lake.Partition][]string{}
			for info, err := range store.List(t.Context(), raw.Root) {
				if err != nil {
					t.Fatal(err)
				}
				named, err := raw.ParseKey(info.Key)
				if err != nil {
					t.Fatal(err)
				}
				f := lake.File{Key: info.Key, Bytes: info.Bytes}
				if err := raw.NewReader(store, nil).EachLine(t.Context(), f, func(line []byte) error {
					kept[named.Partition] = append(kept[named.Partition], string(line))
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			return kept
		}
	})
}
