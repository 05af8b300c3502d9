package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// mayUse returns fs.ErrPermission, with whom to be, when the lake in the
// directory is another user's; nil also when there is no lake.
func mayUse(dir string) error {
	f, err := os.Open(filepath.Join(dir, disk.LockName))
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrPermission) {
		return nil // whoever opens it says what is wrong
	}
	name := owner(dir)
	return lake.Errorf(fs.ErrPermission, fmt.Sprintf("run this as that user (sudo -u %s lake ...), or name another directory: --data DIR", name),
		"the lake in %s belongs to user %s", dir, name)
}

// owner names the user that a file or directory belongs to.
func owner(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "unknown"
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "unknown"
	}
	id := strconv.FormatUint(uint64(st.Uid), 10)
	u, err := user.LookupId(id)
	if err != nil {
		return "#" + id // as sudo takes a number
	}
	return u.Username
}
