package duckdb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const tempPrefix = "sql-"

// makeTemp makes a directory of this engine's own in Root/tmp for what queries
// spill and for exports.
func makeTemp(root string) (string, error) {
	parent := filepath.Join(root, "tmp")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("make the directory for temporary files: %w", err)
	}
	if err := Clean(root); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, tempPrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return "", fmt.Errorf("make the directory for temporary files: %w", err)
	}
	return dir, nil
}

// Clean removes from the data directory what engines left whose process ended
// before it could. Open does that, too.
func Clean(root string) error {
	parent := filepath.Join(root, "tmp")
	entries, err := os.ReadDir(parent)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clean the directory for temporary files: %w", err)
	}
	for _, e := range entries {
		if !abandoned(e) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(parent, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("clean the directory for temporary files: %w", err)
		}
	}
	return nil
}

// abandoned reports whether the process that made the directory has ended.
func abandoned(e fs.DirEntry) bool {
	rest, ok := strings.CutPrefix(e.Name(), tempPrefix)
	if !ok || !e.IsDir() {
		return false
	}
	pid, _, _ := strings.Cut(rest, "-")
	n, err := strconv.Atoi(pid)
	if err != nil || n <= 0 || n == os.Getpid() {
		return false
	}
	return gone(n)
}
