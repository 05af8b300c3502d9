package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// follower is a running lake tail --consumer --follow.
type follower struct {
	cmd  *exec.Cmd
	errs strings.Builder
	read chan struct{} // closed when its output has ended
	mu   sync.Mutex
	seen []string // shard:position, in the order of the lines
}

func follow(t *testing.T, data, consumer string) *follower {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{cmd: exec.Command(path, "tail", "--data", data, "--consumer", consumer, "--follow", "--json"), read: make(chan struct{})}
	f.cmd.Stderr = &f.errs
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.end(t, syscall.SIGKILL) })
	go func() {
		defer close(f.read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var e struct{ Shard, Position string }
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				continue // cut off by a kill
			}
			f.mu.Lock()
			f.seen = append(f.seen, e.Shard+":"+e.Position)
			f.mu.Unlock()
		}
	}()
	return f
}

// end sends a signal and returns the exit code, -1 when the signal killed it.
func (f *follower) end(t *testing.T, s syscall.Signal) int {
	t.Helper()
	_ = f.cmd.Process.Signal(s) // it may have ended
	<-f.read
	_ = f.cmd.Wait() // its exit code says it
	return f.cmd.ProcessState.ExitCode()
}

func (f *follower) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.seen)
}

// TestAConsumerSeesEveryEvent although it and the lake are killed in between, and
// few of them again.
func TestAConsumerSeesEveryEvent(t *testing.T) {
	s := up(t, filepath.Join(t.TempDir(), "lake"))
	sent := 0
	send := func(n int) {
		t.Helper()
		var text strings.Builder
		for range n {
			text.WriteString(event(fmt.Sprint(sent), "account:opened", `"n":1`) + "\n")
			sent++
		}
		if out, errs, exit := runIn(t, "", []byte(text.String()), "send", "--url", s.url(""), "-"); exit != 0 {
			t.Fatalf("exit %d\n%s%s", exit, out, errs)
		}
	}
	times := map[string]int{}
	take := func(f *follower) {
		for _, at := range f.seen {
			times[at]++
		}
	}
	all := func(f *follower) bool { // events may come again, so lines are not counted
		f.mu.Lock()
		defer f.mu.Unlock()
		seen := map[string]bool{}
		for at := range times {
			seen[at] = true
		}
		for _, at := range f.seen {
			seen[at] = true
		}
		return len(seen) == sent
	}
	send(500)
	f := follow(t, s.data, "index")
	s.await("followed", func() bool { return f.count() > 0 })
	send(700)
	f.end(t, syscall.SIGKILL)
	take(f)

	send(300)
	f = follow(t, s.data, "index")
	s.await("followed to the end", func() bool { return all(f) })
	s.kill()
	if exit := f.end(t, syscall.Signal(0)); exit != 1 || !strings.Contains(f.errs.String(), "the lake has stopped") {
		t.Errorf("the lake was killed: exit %d, %s", exit, &f.errs)
	}
	take(f)

	s.start()
	f = follow(t, s.data, "index")
	send(100)
	s.await("followed to the end", func() bool { return all(f) })
	if exit := f.end(t, syscall.SIGINT); exit != 0 {
		t.Errorf("Ctrl-C: exit %d, %s", exit, &f.errs)
	}
	take(f)
	again := 0
	for _, n := range times {
		again += n - 1
	}
	if len(times) != sent || again > 2*200 {
		t.Errorf("%d of %d events were seen, %d again", len(times), sent, again)
	}
	t.Logf("%d events, %d seen again", sent, again)
	if out := must(t, "tail", "--data", s.data, "--consumer", "index"); out != "" {
		t.Errorf("it ended after all was read, and yet there is\n%s", out)
	}
	if out := must(t, "status", "--data", s.data); !strings.Contains(out, "consumer index has 0 records to read") {
		t.Errorf("status says\n%s", out)
	}
}

func TestAConsumerHasOneReader(t *testing.T) {
	s := up(t, filepath.Join(t.TempDir(), "lake"))
	follow(t, s.data, "index")
	s.await("read by two, one of them refused", func() bool {
		_, errs, exit := run(t, "tail", "--data", s.data, "--consumer", "index")
		return exit == 1 && strings.Contains(errs, "another lake tail reads as consumer index")
	})
	must(t, "tail", "--data", s.data, "--consumer", "other")
}

// TestAConsumerIsToldWhatItHasMissed: the stream has a size, whoever reads it.
func TestAConsumerIsToldWhatItHasMissed(t *testing.T) {
	config := filepath.Join(t.TempDir(), "lake.yaml")
	write(t, config, "stream: {shards: 1, retain_size: 1MiB, segment_size: 64KiB}\n")
	s := up(t, filepath.Join(t.TempDir(), "lake"), "--config", config)
	events := filepath.Join(t.TempDir(), "events.ndjson")
	must(t, "gen", "--events", "5000", "-o", events)
	must(t, "tail", "--data", s.data, "--consumer", "slow")
	must(t, "send", "--url", s.url(""), "--batch", "100", events)
	s.settle()
	must(t, "compact", "--data", s.data)
	out, errs, exit := run(t, "tail", "--data", s.data, "--consumer", "slow")
	var missed int
	if _, err := fmt.Sscanf(strings.ReplaceAll(errs, ",", ""), "missed: %d events", &missed); err != nil || exit != 0 {
		t.Fatalf("exit %d, %v\n%s", exit, err, errs)
	}
	if got := strings.Count(out, "\n"); got+missed != 5000 || missed == 0 || got == 0 {
		t.Errorf("%d events and %d missed of 5000", got, missed)
	}
	if _, errs, _ := run(t, "tail", "--data", s.data, "--consumer", "slow"); errs != "" {
		t.Errorf("it is said once: %s", errs)
	}
}
