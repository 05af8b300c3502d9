package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/eventlake/lake"
)

// packed is one zip file that was written.
type packed struct {
	name    string
	sum     string // SHA-256 in hex
	bytes   int64
	program int64 // bytes of the program inside
}

func (p packed) megabytes() float64 { return float64(p.bytes) / mb }

// pack builds a function for a processor and writes lambda-NAME-ARCH.zip.
func pack(ctx context.Context, goTool, dir string, f function, arch string, errs io.Writer) (p packed, err error) {
	p.name = "lambda-" + f.name + "-" + arch + ".zip"
	work, err := os.MkdirTemp("", "pack-")
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	program := filepath.Join(work, "bootstrap")
	if err := build(ctx, goTool, program, f, arch, errs); err != nil {
		return p, err
	}
	text, err := os.ReadFile(program)
	if err != nil {
		return p, err
	}
	p.program = int64(len(text))
	content, err := zipped(text)
	if err != nil {
		return p, err
	}
	if p.bytes = int64(len(content)); p.bytes > f.limit {
		return p, lake.Errorf(lake.ErrLimit, "see with go version -m and go tool nm -size what came in", "%d bytes, more than %d", p.bytes, f.limit)
	}
	sum := sha256.Sum256(content)
	p.sum = hex.EncodeToString(sum[:])
	return p, replace(filepath.Join(dir, p.name), content)
}

// build links a static program. Nothing of the machine is in it: no paths, no
// time, no state of the checkout.
func build(ctx context.Context, goTool, program string, f function, arch string, errs io.Writer) error {
	cmd := exec.CommandContext(ctx, goTool, "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc",
		"-ldflags", "-s -w -buildid=", "-o", program, "github.com/eventlake/lake/cmd/lambda-"+f.name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.Stdout, cmd.Stderr = errs, errs
	return cmd.Run()
}

// begun is the time of the file in every archive: the first that zip can hold.
var begun = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// zipped is an archive with one program, which may be executed by everyone.
func zipped(program []byte) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: begun}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// writeSums writes the checksums, in the order of building.
func writeSums(path string, files []packed) error {
	var b bytes.Buffer
	for _, f := range files {
		fmt.Fprintf(&b, "%s  %s\n", f.sum, f.name)
	}
	return replace(path, b.Bytes())
}

// replace writes a file whole or not at all.
func replace(path string, content []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
