// Command pack builds the Lambdas for both processors, each as a zip file with
// the program that Lambda starts, and writes their checksums. The same source
// and the same Go give the same bytes, on every machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/eventlake/lake"
)

// function is one Lambda and the most that its zip file may weigh: what has to
// be loaded before the first call.
type function struct {
	name  string
	limit int64 // bytes
}

const mb = 1_000_000

// functions are all Lambdas. Those that make tables link the Iceberg library.
func functions() []function {
	return []function{
		{"collect", 15 * mb}, {"ingest", 15 * mb}, {"curate", 30 * mb}, {"replay", 30 * mb}, {"audit", 30 * mb},
	}
}

// sums is the file of checksums, as sha256sum -c reads it.
const sums = "SHA256SUMS"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "error:", err)
		if hint := lake.Hint(err); hint != "" {
			fmt.Fprintln(os.Stderr, "hint:", hint)
		}
		os.Exit(1)
	}
}

// run builds what the flags ask for.
func run(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("pack", flag.ContinueOnError)
	flags.SetOutput(errs)
	dir := flags.String("out", "dist", "directory for the zip files")
	archs := flags.String("arch", "arm64,amd64", "processors to build for")
	only := flags.String("only", "", "build only these functions, e.g. ingest,collect")
	goTool := flags.String("go", "go", "the go command")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	var written []packed
	for arch := range strings.SplitSeq(*archs, ",") {
		for _, f := range functions() {
			if *only != "" && !named(*only, f.name) {
				continue
			}
			p, err := pack(ctx, *goTool, *dir, f, arch, errs)
			if err != nil {
				return fmt.Errorf("lambda-%s for %s: %w", f.name, arch, err)
			}
			fmt.Fprintf(out, "%-28s %5.1f MB, unpacked %5.1f MB, sha256 %s\n", p.name, p.megabytes(), float64(p.program)/mb, p.sum)
			written = append(written, p)
		}
	}
	if len(written) == 0 {
		return lake.Errorf(lake.ErrInvalid, "the functions are collect, ingest, curate, replay and audit", "nothing is called %q", *only)
	}
	return writeSums(filepath.Join(*dir, sums), written)
}

// named reports whether a list with commas has the name.
func named(list, name string) bool {
	for s := range strings.SplitSeq(list, ",") {
		if s == name {
			return true
		}
	}
	return false
}
