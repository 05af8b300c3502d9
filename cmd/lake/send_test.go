package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/eventlake/lake/client"
)

func TestNumbersThatMeanNothingAreRefusedWithTheirRange(t *testing.T) {
	for flag, hint := range map[string]string{"--batch=0": "use 1 to 100000", "--batch=100001": "use 1 to 100000", "--connections=-1": "use 1 to 1000",
		"--connections=0": "use 1 to 1000", "--patience=0s": "use a time", "--patience=-1s": "use a time"} {
		var errs bytes.Buffer
		a := &app{in: strings.NewReader(""), out: io.Discard, err: &errs}
		if code := a.run(t.Context(), []string{"send", flag, "-"}); code != exitUsage || !strings.Contains(errs.String(), hint) {
			t.Errorf("%s: exit %d, %s", flag, code, &errs)
		}
	}
}

func TestAnInterruptedSendIsResumed(t *testing.T) {
	got := map[string]int{}
	requests, refuseFrom := 0, 4
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++ // one connection, so one request at a time
		body, err := io.ReadAll(r.Body)
		if err != nil || requests >= refuseFrom {
			http.Error(w, `{"error":{"code":"unauthorized","message":"the key was revoked","hint":"ask for another"}}`, http.StatusUnauthorized)
			return
		}
		lines := strings.Fields(string(body))
		for _, line := range lines {
			got[line]++
		}
		fmt.Fprintf(w, `{"accepted":%d,"quarantined":0,"results":[]}`, len(lines))
	}))
	defer server.Close()
	t.Chdir(t.TempDir())
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "{\"n\":%d}\n", i)
	}
	if err := os.WriteFile("x.ndjson", []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	send := func(flags ...string) (client.Report, string, int) {
		t.Helper()
		var out, errs bytes.Buffer
		a := &app{in: strings.NewReader(""), out: &out, err: &errs, env: []string{"LAKE_URL=" + server.URL}}
		code := a.run(t.Context(), append([]string{"send", "--json", "--batch", "100", "--connections", "1", "x.ndjson"}, flags...))
		var r client.Report
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			t.Fatalf("%v: %s%s", err, out.String(), errs.String())
		}
		return r, errs.String(), code
	}

	r, errs, code := send()
	if code != exitFailed || r.Accepted != 300 || !strings.Contains(errs, "the first 300 events are stored; go on with --resume") ||
		!strings.Contains(errs, "hint: ask for another") {
		t.Fatalf("exit %d, %+v\n%s", code, r, errs)
	}
	refuseFrom = 1000
	if r, errs, code = send("--resume"); code != exitOK || r.Accepted != 700 {
		t.Fatalf("exit %d, %+v\n%s", code, r, errs)
	}
	for line, n := range got {
		if n != 1 {
			t.Errorf("%s was sent %d times", line, n)
		}
	}
	if len(got) != 1000 {
		t.Errorf("%d events arrived", len(got))
	}
	if _, err := os.Stat("x.ndjson.lake-sent"); !os.IsNotExist(err) {
		t.Errorf("the state must go once everything is sent: %v", err)
	}
}
