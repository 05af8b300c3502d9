package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestAnUnknownFormatIsAnsweredWithAllOfThem(t *testing.T) {
	var errs bytes.Buffer
	a := &app{in: strings.NewReader(""), out: io.Discard, err: &errs}
	if code := a.run(t.Context(), []string{"sql", "--data", t.TempDir(), "--format", "xml", "select 1"}); code != exitUsage || !strings.Contains(errs.String(), "ndjson or parquet") {
		t.Errorf("exit %d, %s", code, &errs)
	}
}
