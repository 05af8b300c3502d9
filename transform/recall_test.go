package transform_test

import (
	"fmt"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

// sameRecalled holds that another scanner makes of a row's gist what it would
// find in the body, at a later log time too.
func sameRecalled(t *testing.T, s *transform.Scanner, body []byte, row *transform.Row) {
	t.Helper()
	e := lake.Event{ID: row.ID, Source: "web", Received: received.Add(1e9), Body: body, Gist: row.Gist()}
	var scanned, recalled transform.Row
	if !s.Recall(&e, &recalled) {
		t.Fatalf("%+v is not recalled", row)
	}
	if refusal := s.Scan(e.Source, body, e.Received, &scanned); refusal != nil || !sameRow(&scanned, &recalled) {
		t.Fatalf("%v, scanned %+v, recalled %+v", refusal, scanned, recalled)
	}
}

func TestWhatWasScannedIsRecalled(t *testing.T) {
	tr, err := transform.New(githubMapping(t))
	if err != nil {
		t.Fatal(err)
	}
	first, second := tr.Scanner(), tr.Scanner()
	var row transform.Row
	for _, body := range githubEvents(t) {
		if refusal := first.Scan("web", body, received, &row); refusal != nil {
			t.Fatal(refusal)
		}
		sameRecalled(t, second, body, &row)
	}
	weak := []byte(`{"type":"a","created_at":1772323200,"weak_id":1}`)
	if refusal := first.Scan("web", weak, received, &row); refusal != nil || !row.Weak || row.Taken == 0 {
		t.Fatalf("%v, %+v", refusal, row)
	}
	sameRecalled(t, second, weak, &row)
}

func TestWhatOthersFoundIsNotRecalled(t *testing.T) {
	theirs, mine := scanner(t, nil), scanner(t, nil)
	var row transform.Row
	if refusal := theirs.Scan("web", []byte(good), received, &row); refusal != nil {
		t.Fatal(refusal)
	}
	for name, gist := range map[string]lake.Gist{
		"nobody":          {},
		"of other rules":  row.Gist(),
		"of another kind": {By: "somebody"},
		"a refused event": new(transform.Row).Gist(),
	} {
		var got transform.Row
		if mine.Recall(&lake.Event{ID: row.ID, Body: []byte(good), Gist: gist}, &got) || got.Type != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Names with escapes are read into memory that the next scan uses again.
func TestNamesOutliveTheScan(t *testing.T) {
	s := scanner(t, nil)
	rows := make([]transform.Row, 3000) // more than a scanner remembers
	for i := range rows {
		body := fmt.Sprintf(`{"event_uuid":"%d","event_name":"\u0061%d:\u0062%d","created_at":1772323200}`, i, i, i)
		if refusal := s.Scan("web", []byte(body), received, &rows[i]); refusal != nil {
			t.Fatal(refusal)
		}
	}
	for i, row := range rows {
		if want := fmt.Sprintf("a%d b%d", i, i); string(row.Type)+" "+string(row.Subtype) != want || row.Name.Type+" "+row.Name.Subtype != want {
			t.Fatalf("%+v, want %s", row, want)
		}
	}
}
