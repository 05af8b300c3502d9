package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mappedLake runs a lake with a configuration file that lies elsewhere and that
// its events cannot be read without, and stops it.
func mappedLake(t *testing.T) (data, config string) {
	t.Helper()
	data, config = filepath.Join(t.TempDir(), "lake"), filepath.Join(t.TempDir(), "app.yaml")
	write(t, config, "sources:\n  app:\n    event: {id: key, name: kind, time: at}\n")
	s := up(t, data, "--config", config)
	events := `{"key":"a","kind":"click","at":1772359200}` + "\n" + `{"key":"b","kind":"click","at":1772359201}` + "\n"
	if out, errs, exit := runIn(t, "", []byte(events), "send", "--url", s.url(""), "--source", "app", "-"); exit != 0 {
		t.Fatalf("exit %d\n%s%s", exit, out, errs)
	}
	s.settle()
	s.stop()
	return data, config
}

func TestAStoppedLakeIsReadByTheRulesThatItWasRunWith(t *testing.T) {
	data, _ := mappedLake(t)
	if _, errs, exit := runIn(t, t.TempDir(), nil, "replay", "--to", "stream", "--data", data); exit != 0 || strings.Contains(errs, "using") {
		t.Fatalf("exit %d\n%s", exit, errs)
	}
	if b := books(t, data); b.Unique != 2 || b.Duplicate != 2 || b.Quarantined != 0 {
		t.Errorf("by other rules the events would be refused: %+v", b)
	}
	verify(t, data, "after the replay")
}

func TestAnotherFileInTheWorkingDirectoryIsSaidNotToCount(t *testing.T) {
	data, config := mappedLake(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "lake.yaml"), "log: {level: error}\n")
	out, errs, exit := runIn(t, dir, nil, "replay", "--to", "stream", "--data", data)
	if exit != 0 || !strings.Contains(errs, "using "+config) || !strings.Contains(errs, "./lake.yaml") {
		t.Errorf("exit %d\n%s%s", exit, out, errs)
	}
	if b := books(t, data); b.Quarantined != 0 {
		t.Errorf("%+v", b)
	}
	for name, c := range map[string]struct {
		args []string
		env  string
	}{
		"a flag":                   {args: []string{"--config", "lake.yaml"}},
		"a variable":               {env: "lake.yaml"},
		"a flag over the variable": {args: []string{"--config", "lake.yaml"}, env: "absent.yaml"},
	} {
		t.Run(name+" chooses", func(t *testing.T) {
			if c.env != "" {
				t.Setenv("LAKE_CONFIG", c.env)
			}
			out, errs, exit := runIn(t, dir, nil, append([]string{"status", "--data", data}, c.args...)...)
			if exit != 0 || strings.Contains(errs, "using") {
				t.Errorf("exit %d\n%s%s", exit, out, errs)
			}
		})
	}
}

func TestALostConfigurationIsAnErrorNotTheDefaults(t *testing.T) {
	data, config := mappedLake(t)
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	_, errs, exit := run(t, "quarantine", "retry", "--data", data)
	if exit != 2 || !strings.Contains(errs, config) || !strings.Contains(errs, "hint: ") || !strings.Contains(errs, "--config") {
		t.Errorf("exit %d\n%s", exit, errs)
	}
	must(t, "status", "--data", data, "--config", os.DevNull)
}

func TestALakeRunWithoutAFileStaysWithTheDefaults(t *testing.T) {
	data, dir := filepath.Join(t.TempDir(), "lake"), t.TempDir()
	up(t, data).stop()
	if _, errs, exit := runIn(t, dir, nil, "status", "--data", data); exit != 0 || errs != "" {
		t.Errorf("exit %d\n%s", exit, errs)
	}
	write(t, filepath.Join(dir, "lake.yaml"), "stream: {shards: 4}\n")
	if _, errs, exit := runIn(t, dir, nil, "status", "--data", data); exit != 0 || !strings.Contains(errs, "no configuration file") {
		t.Errorf("exit %d\n%s", exit, errs)
	}
}

func TestLakeUpSaysThatItsFileIsAnotherOne(t *testing.T) {
	data, config := mappedLake(t)
	other := filepath.Join(t.TempDir(), "other.yaml")
	write(t, other, "log: {level: warn}\n")
	s := up(t, data, "--config", other)
	s.stop()
	if log := s.log.String(); !strings.Contains(log, config) || !strings.Contains(log, other) {
		t.Errorf("it says %s", log)
	}
}

func TestARunningLakeSaysThatItsFileHasChanged(t *testing.T) {
	data, dir := filepath.Join(t.TempDir(), "lake"), t.TempDir()
	config := filepath.Join(dir, "lake.yaml")
	write(t, config, "log: {level: warn}\n")
	s := up(t, data, "--config", config)
	says := func(want bool) {
		t.Helper()
		_, errs, exit := runIn(t, dir, nil, "status", "--data", data)
		if exit != 0 || strings.Contains(errs, "restart the lake") != want {
			t.Errorf("exit %d\n%s", exit, errs)
		}
	}
	says(false)
	write(t, config, "log: {level: info}\n")
	says(true)
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	says(true)
	write(t, config, "log: {level: warn}\n")
	says(false)
	write(t, config, "log: {level: info}\n")
	s.stop()
	says(false)
}
