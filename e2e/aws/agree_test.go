package aws

import (
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/gen"
)

// TestTheCloudAndTheMachineMakeTheSameTables sends the real events and
// generated ones, some over HTTP and some by other producers, through a lake on
// one machine and through one on the emulated cloud, and compares row by row.
// LAKE_AWS_EVENTS=100000 makes it long.
func TestTheCloudAndTheMachineMakeTheSameTables(t *testing.T) {
	t.Parallel()
	n := amount(t, "LAKE_AWS_EVENTS", 3000)
	real := github(t)
	posted, _ := generated(gen.Options{Seed: 11, Events: n * 2 / 3, Duplicates: .05, Late: .01, Malformed: .02, Conflict: .01})
	put, _ := generated(gen.Options{Seed: 12, Events: n - n*2/3, Duplicates: .05, Late: .01, Malformed: .02})

	s := newSite(t, setup{})
	post(t, s.url, "github", real)
	post(t, s.url, "default", posted)
	putDirectly(t, s.Kinesis(), s.Names.Stream, put)

	m := newMachine(t)
	post(t, m.url, "github", real)
	post(t, m.url, "default", posted)
	post(t, m.url, "default", put)
	m.settle()

	s.settle(patience + time.Duration(n)*20*time.Millisecond)
	sameTables(t, m.state(), s.state())
	sameQuarantine(t, m.state(), s.state())

	r := s.balanced()
	journal, err := m.Ledger.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []lake.Tally
	for _, row := range r.Rows {
		got = append(got, row.Tally)
	}
	want, have := verdicts(journal.Books()), verdicts(got)
	for book, w := range want {
		if have[book] != w {
			t.Errorf("%s: the machine counts %+v, the cloud %+v", book, w, have[book])
		}
	}
}
