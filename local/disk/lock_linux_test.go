package disk_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// readOnlyEnv makes the test, in a process of its own, mount a directory so that
// nobody can write there, lock it and say what comes of it.
const readOnlyEnv = "DISK_TEST_READ_ONLY"

// lockReadOnly prints the error and its hint.
func lockReadOnly(dir string) {
	err := syscall.Mount(dir, dir, "", syscall.MS_BIND, "")
	if err == nil {
		err = syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, "")
	}
	if err != nil {
		fmt.Println("no mount:", err)
		return
	}
	_, err = disk.AcquireLock(dir)
	fmt.Println(err, errors.Is(err, syscall.EROFS), lake.Hint(err))
}

func TestALockOnAReadOnlyMountSaysWhatToDo(t *testing.T) {
	if dir := os.Getenv(readOnlyEnv); dir != "" {
		lockReadOnly(dir)
		return
	}
	for what, locked := range map[string]bool{"never locked": false, "locked before": true} {
		dir := t.TempDir()
		if locked {
			must(t, os.WriteFile(filepath.Join(dir, disk.LockName), nil, 0o600))
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestALockOnAReadOnlyMount")
		cmd.Env = append(os.Environ(), readOnlyEnv+"="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
		out, err := cmd.CombinedOutput()
		if err != nil || strings.HasPrefix(string(out), "no mount") {
			t.Skipf("this machine lets nobody make a name space of mounts: %v, %s", err, out)
		}
		if !strings.Contains(string(out), "true") || !strings.Contains(string(out), "remount,rw") {
			t.Errorf("%s: %s", what, out)
		}
	}
}
