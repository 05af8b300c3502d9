package disk_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// holderEnv makes the test binary a process that holds a lock until it is killed.
const holderEnv = "DISK_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holderEnv); dir != "" {
		l, err := disk.AcquireLock(dir)
		if err == nil {
			err = l.SetInfo(disk.Info{PID: os.Getpid(), Started: time.Now(), Admin: "127.0.0.1:4711", Token: "secret"})
		}
		fmt.Println("held", err)
		time.Sleep(time.Hour)
		runtime.KeepAlive(l)
	}
	os.Exit(m.Run())
}

func TestLockOfAnotherProcessIsNamedAndEndsWithIt(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holderEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // usually dead by then
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "held <nil>\n" {
		t.Fatalf("holder says %q, %v", line, err)
	}

	_, err = disk.AcquireLock(dir)
	if !errors.Is(err, lake.ErrLocked) || lake.Hint(err) == "" {
		t.Fatalf("err = %v, hint %q", err, lake.Hint(err))
	}
	for _, want := range []string{fmt.Sprint("process ", cmd.Process.Pid), "since 20", "127.0.0.1:4711", dir} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Error("the message gives the token away")
	}
	in, held, err := disk.ReadLock(dir)
	if err != nil || !held || in.PID != cmd.Process.Pid || in.Token != "secret" {
		t.Errorf("ReadLock: %+v, %v, %v", in, held, err)
	}

	must(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Error("killed, but ended well")
	}
	if _, held, err := disk.ReadLock(dir); held || err != nil {
		t.Errorf("after the kill: held %v, %v", held, err)
	}
	l, err := disk.AcquireLock(dir)
	must(t, err)
	must(t, l.Unlock())
}

func TestLockTwiceInOneProcess(t *testing.T) {
	dir := t.TempDir()
	l, err := disk.AcquireLock(dir)
	must(t, err)
	st, err := os.Stat(filepath.Join(dir, disk.LockName))
	must(t, err)
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", st.Mode())
	}
	if _, err := disk.AcquireLock(dir); !errors.Is(err, lake.ErrLocked) {
		t.Errorf("err = %v", err)
	}
	must(t, l.Unlock())
	l, err = disk.AcquireLock(dir)
	must(t, err)
	must(t, l.Unlock())
}

func TestLookingAtTheLockDoesNotTakeIt(t *testing.T) {
	dir := t.TempDir()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := disk.ReadLock(dir); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	for range 20 {
		l, err := disk.AcquireLock(dir)
		must(t, err)
		must(t, l.Unlock())
	}
	close(stop)
	wg.Wait()
}

func TestNoLockFileIsNotHeld(t *testing.T) {
	if in, held, err := disk.ReadLock(t.TempDir()); held || err != nil || in.PID != 0 {
		t.Errorf("%+v, %v, %v", in, held, err)
	}
	if _, err := disk.AcquireLock(filepath.Join(t.TempDir(), "absent")); !disk.IsNotExist(err) {
		t.Errorf("err = %v", err)
	}
}

func TestFree(t *testing.T) {
	n, err := disk.Free(t.TempDir())
	if err != nil || n <= 0 {
		t.Errorf("free %d, %v", n, err)
	}
	if _, err := disk.Free(filepath.Join(t.TempDir(), "absent")); !disk.IsNotExist(err) {
		t.Errorf("err = %v", err)
	}
}
