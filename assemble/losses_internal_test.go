package assemble

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/eventlake/lake"
)

func TestEachBitOfTheLossesCounts(t *testing.T) {
	data := t.TempDir()
	gaps := map[lake.ShardID][]lake.Span{"shard-000": {{After: lake.Pos(3), To: lake.Pos(9)}}}
	if _, added, err := noteLosses(data, gaps, nil); err != nil || len(added) != 1 {
		t.Fatalf("%v, %v", added, err)
	}
	if all, err := readLosses(data); err != nil || len(all) != 1 || all[0].Records != 6 {
		t.Fatalf("%v, %v", all, err)
	}
	path := filepath.Join(data, lossesName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(text) {
		text[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if all, err := readLosses(data); !errors.Is(err, lake.ErrCorrupt) {
			t.Errorf("bit %d of byte %d is flipped: %v, %v", bit%8, bit/8, all, err)
		}
		text[bit/8] ^= 1 << (bit % 8)
	}
}
