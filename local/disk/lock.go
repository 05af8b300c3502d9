package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/eventlake/lake"
)

// LockName is the file in a data directory that its one process holds locked.
const LockName = "lake.lock"

// Info says who holds a data directory. It is for people, and for other
// commands of the same user that want to talk to the holder.
type Info struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Admin   string    `json:"admin,omitempty"` // address for commands that need the running lake
	Token   string    `json:"token,omitempty"` // secret that these commands show; the file is 0600
}

// Lock is a held data directory. The operating system lets go of it when the
// process ends, however it ends; so it does when the value is no longer used,
// which is why whoever opens a lake keeps the Lock until Unlock.
type Lock struct {
	file *os.File
}

// Others look at the lock for a moment to see whether it is held; that must not
// look like a second holder.
const (
	lockTries = 10
	lockPause = 20 * time.Millisecond
)

// AcquireLock takes the data directory for this process; the directory must
// exist. lake.ErrLocked, naming the holder, when another process (or another Lock
// of this one) has it.
func AcquireLock(dir string) (*Lock, error) {
	path := filepath.Join(dir, LockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, readOnly(fmt.Errorf("lock data directory: %w", err))
	}
	for try := 1; ; try++ {
		locked, err := tryLock(f, true)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		if locked {
			break
		}
		if try == lockTries {
			err := heldBy(dir, readInfo(f))
			return nil, errors.Join(err, f.Close())
		}
		time.Sleep(lockPause)
	}
	l := &Lock{file: f}
	if err := l.SetInfo(Info{PID: os.Getpid(), Started: time.Now()}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

func heldBy(dir string, in Info) error {
	what := fmt.Sprintf("%s is in use", dir)
	if in.PID != 0 {
		what += fmt.Sprintf(" by process %d since %s", in.PID, in.Started.UTC().Format(time.RFC3339))
	}
	if in.Admin != "" {
		what += " at " + in.Admin
	}
	return lake.Errorf(lake.ErrLocked, "stop that process first, or use another data directory (--data)", "%s", what)
}

// SetInfo replaces what others can read about the holder.
func (l *Lock) SetInfo(in Info) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if err := l.file.Chmod(0o600); err != nil { // an older file may be open to others
		return fmt.Errorf("lock information: %w", err)
	}
	if _, err := l.file.WriteAt(append(b, '\n'), 0); err != nil {
		return fmt.Errorf("lock information: %w", Full(err))
	}
	if err := l.file.Truncate(int64(len(b)) + 1); err != nil {
		return fmt.Errorf("lock information: %w", err)
	}
	return nil
}

// Unlock lets go of the directory. The file stays, empty.
func (l *Lock) Unlock() error {
	return errors.Join(l.file.Truncate(0), l.file.Close())
}

// ReadLock reports whether a process holds the data directory, and what it has
// said about itself (zero when it has just begun). A directory without a lock file
// is not held.
func ReadLock(dir string) (in Info, held bool, err error) {
	f, err := os.Open(filepath.Join(dir, LockName))
	if IsNotExist(err) {
		return in, false, nil
	}
	if err != nil {
		return in, false, fmt.Errorf("read lock: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	free, err := tryLock(f, false)
	if err != nil || free {
		return in, false, err
	}
	return readInfo(f), true, nil
}

// readInfo returns what the file says; nothing when it is being written.
func readInfo(f *os.File) (in Info) {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 64<<10))
	if err != nil || json.Unmarshal(b, &in) != nil {
		return Info{}
	}
	return in
}
