package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventlake/lake"
)

// TestPackagesAreTheSameBytesEachTime builds a Lambda twice, in different
// directories, and looks at what is in the file.
func TestPackagesAreTheSameBytesEachTime(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for another processor")
	}
	t.Parallel()
	var files [2][]byte
	for i := range files {
		dir := t.TempDir()
		var out strings.Builder
		if err := run(t.Context(), []string{"-out", dir, "-only", "collect", "-arch", "arm64"}, &out, os.Stderr); err != nil {
			t.Fatal(err)
		}
		var err error
		if files[i], err = os.ReadFile(filepath.Join(dir, "lambda-collect-arm64.zip")); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(files[i])
		line := hex.EncodeToString(sum[:]) + "  lambda-collect-arm64.zip\n"
		if text, err := os.ReadFile(filepath.Join(dir, sums)); err != nil || string(text) != line {
			t.Errorf("%s is %q, %v; want %q", sums, text, err, line)
		}
		if !strings.Contains(out.String(), hex.EncodeToString(sum[:])) {
			t.Errorf("it says %q, without the checksum", out.String())
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two builds of the same source differ")
	}
	z, err := zip.NewReader(bytes.NewReader(files[0]), int64(len(files[0])))
	if err != nil {
		t.Fatal(err)
	}
	if len(z.File) != 1 || z.File[0].Name != "bootstrap" || z.File[0].Mode() != 0o755 {
		t.Fatalf("the archive has %d files, the first is %s %v", len(z.File), z.File[0].Name, z.File[0].Mode())
	}
	in, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	program, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	const arm64 = 0xb7 // e_machine of ELF
	if !bytes.HasPrefix(program, []byte("\x7fELF\x02\x01")) || program[18] != arm64 {
		t.Errorf("the program begins with % x", program[:20])
	}
	if wd, err := os.Getwd(); err != nil || bytes.Contains(program, []byte(wd)) {
		t.Errorf("the program names the directory it was built in (%v)", err)
	}
}

func TestAPackageThatIsTooLargeIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for another processor")
	}
	t.Parallel()
	dir := t.TempDir()
	_, err := pack(t.Context(), "go", dir, function{"collect", mb}, "arm64", os.Stderr)
	if !errors.Is(err, lake.ErrLimit) {
		t.Errorf("a package beyond its limit: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestWhatDoesNotBuildIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{{"-only", "nothing"}, {"-only", "collect", "-go", filepath.Join(dir, "none")}} {
		if err := run(t.Context(), append(args, "-out", dir), io.Discard, io.Discard); err == nil {
			t.Errorf("pack %v: no error", args)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, sums)); err == nil {
		t.Error("checksums of nothing")
	}
}
