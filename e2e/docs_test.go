package e2e

import (
	"bufio"
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// document is one Markdown file.
type document struct {
	name  string // from the repository's root
	text  string
	links []string // relative ones
	spans []string // `code`
	lines []string // of code blocks in sh or without a language
}

// documents reads README, ARCHITECTURE and docs/*.md.
func documents(t *testing.T) []document {
	t.Helper()
	root := repositoryRoot(t)
	names := []string{"README.md", "ARCHITECTURE.md", "CHANGELOG.md", "testdata/README.md"}
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		names = append(names, path.Join("docs", filepath.Base(f)))
	}
	var out []document
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, parseDocument(name, string(text)))
	}
	return out
}

func parseDocument(name, text string) document {
	d := document{name: name, text: text}
	link := regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	span := regexp.MustCompile("`([^`]+)`")
	language, inBlock := "", false
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		line := s.Text()
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "```"); ok {
			inBlock, language = !inBlock, rest
			continue
		}
		if inBlock {
			if language == "" || language == "sh" || language == "bash" || language == "console" {
				d.lines = append(d.lines, line)
			}
			continue
		}
		for _, m := range link.FindAllStringSubmatch(line, -1) {
			if !strings.Contains(m[1], "://") {
				d.links = append(d.links, m[1])
			}
		}
		for _, m := range span.FindAllStringSubmatch(line, -1) {
			d.spans = append(d.spans, m[1])
		}
	}
	return d
}

func TestDocumentsNamePathsThatExist(t *testing.T) {
	exists := map[string]bool{}
	tops := map[string]bool{}
	for _, p := range repository(t) {
		exists[p] = true
		top, _, _ := strings.Cut(p, "/")
		tops[top] = true
	}
	// What make and lake make: named, but not in the repository.
	made := regexp.MustCompile(`^(bin|\.tools|\.venv|lake-data|demo-data)(/|$)|^lake\.yaml$`)
	file := regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/?$`)
	known := []string{".go", ".md", ".yml", ".py", ".gz", ".txt"}
	for _, d := range documents(t) {
		for _, l := range d.links {
			if p := path.Join(path.Dir(d.name), l); !exists[p] {
				t.Errorf("%s links to %s, which does not exist", d.name, l)
			}
		}
		for _, s := range d.spans {
			s, _, _ = strings.Cut(strings.TrimPrefix(s, "./"), ":") // file:line
			top, _, slash := strings.Cut(s, "/")
			if !file.MatchString(s) || made.MatchString(s) || strings.Contains(s, "..") {
				continue
			}
			isFile := slices.Contains(known, path.Ext(s)) && !strings.HasPrefix(s, ".")
			if (slash && tops[top] || isFile && slash || isFile && exists[path.Base(s)]) && !exists[strings.TrimSuffix(s, "/")] && !dataPath(s) {
				t.Errorf("%s names %s, which does not exist", d.name, s)
			}
		}
	}
}

// dataPath tells the lake's own files, below a data directory, from ours.
func dataPath(s string) bool {
	return regexp.MustCompile(`^(raw|stream|ledger|tables|quarantine)/`).MatchString(s) && path.Ext(s) != ".go"
}

func TestDocumentsNameTargetsThatExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(repositoryRoot(t), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	use := regexp.MustCompile(`(?:^|[|;&(] *|^\$ )make ([a-z][a-z0-9-]*)`)
	for _, d := range documents(t) {
		for _, code := range append(slices.Clone(d.spans), d.lines...) {
			code, _, _ = strings.Cut(code, " # ")
			for _, m := range use.FindAllStringSubmatch(code, -1) {
				if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(m[1]) + `:`).Match(makefile) {
					t.Errorf("%s: `%s`: the Makefile has no target %s", d.name, code, m[1])
				}
			}
		}
	}
}

func TestGeneratedDocumentsAreUpToDate(t *testing.T) {
	dir, root := t.TempDir(), repositoryRoot(t)
	generated := []string{"cli.md", "configuration.md"}
	for _, name := range generated {
		text, err := os.ReadFile(filepath.Join(root, "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must(t, "docs", dir)
	for _, name := range generated {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(root, "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not what the program says; run make docs", name)
		}
	}
}

func TestDependenciesAreExplained(t *testing.T) {
	root := repositoryRoot(t)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	var direct, explained []string
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\s*([a-z][^\s]*\.[^\s]*/[^\s]+) v[^\s]+\s*$`).FindAllStringSubmatch(string(mod), -1) {
		direct = append(direct, m[1])
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+/[^`]+)` \\| [^|]{10,} \\| [^|]{10,} \\|$").FindAllStringSubmatch(string(doc), -1) {
		explained = append(explained, m[1])
	}
	slices.Sort(direct)
	slices.Sort(explained)
	if len(direct) == 0 || !slices.Equal(direct, explained) {
		t.Errorf("docs/dependencies.md explains\n%s\ngo.mod requires\n%s", strings.Join(explained, "\n"), strings.Join(direct, "\n"))
	}
}

// TestNoMachineInTheText: nothing in the repository depends on where it was made.
func TestNoMachineInTheText(t *testing.T) {
	root := repositoryRoot(t)
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range repository(t) {
		if ext := path.Ext(name); !slices.Contains([]string{".go", ".md", ".yml", ".yaml", ".sh", ".py", ".txt", ""}, ext) {
			continue
		}
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil || info.IsDir() || info.Size() > 1<<20 {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range []string{root + "/", home + "/go/", home + "/."} {
			if bytes.Contains(text, []byte(place)) {
				t.Errorf("%s names %s, a path of one machine", name, place)
			}
		}
	}
}
