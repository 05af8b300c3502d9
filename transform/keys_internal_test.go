package transform

import (
	"strconv"
	"strings"
	"testing"

	"github.com/eventlake/lake"
)

// TestCollidingKeys holds that keys made to meet in one place of the table, in
// tables of every size, are still told apart, and not by comparing each with
// each.
func TestCollidingKeys(t *testing.T) {
	tr, err := New(DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	s := tr.Scanner()
	var keys []string
	for i := 0; len(keys) < 200; i++ {
		if k := "k" + strconv.Itoa(i); textHash([]byte(k))%manySlots == 0 {
			keys = append(keys, k)
		}
	}
	body := func(last string) []byte {
		return []byte(`{"event_uuid":"u","event_name":"a:b","created_at":1772323200,"` + strings.Join(keys, `":0,"`) + `":0,"` + last + `":1}`)
	}
	received := lake.Instant(1772323200_000000)
	var row Row
	if refusal := s.Scan("web", body("other"), received, &row); refusal != nil {
		t.Fatal(refusal)
	}
	if s.keys.exact == nil {
		t.Fatal("the keys did not collide: the test has no teeth")
	}
	for _, twice := range []string{keys[0], keys[100], keys[199], `\u006b` + keys[150][1:], "event_name"} {
		if refusal := s.Scan("web", body(twice), received, &row); refusal == nil || refusal.Reason != lake.ReasonDuplicate {
			t.Errorf("%s twice: %v", twice, refusal)
		}
	}
}
