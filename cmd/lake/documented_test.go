package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// repository is where documents and sources are.
const repository = "../.."

// TestCommandsInDocumentsParse takes every command of lake in the documents as
// far as it can be taken without running it: command, flags, arguments.
func TestCommandsInDocumentsParse(t *testing.T) {
	checked := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "testdata/*.md", "bench/*.md", "deploy/terraform/*.md"} {
		files, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, code := range codeOf(string(text)) {
				for _, words := range shellCommands(code) {
					checked++
					if err := parses(words); err != nil {
						t.Errorf("%s: `%s`: %v", file, code, err)
					}
				}
			}
		}
	}
	if checked < 100 {
		t.Errorf("found only %d commands; has this test gone blind?", checked)
	}
}

// TestCommandsInHintsParse does the same to what the program itself says: hints,
// messages and help.
func TestCommandsInHintsParse(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != repository && (name[0] == '.' || name == "bin" || name == "dist" || name == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, text := range textsOf(file) {
			for _, words := range spokenCommands(text) {
				checked++
				if err := parses(words); err != nil {
					t.Errorf("%s: %q: %v", path, text, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 100 {
		t.Errorf("found only %d commands; has this test gone blind?", checked)
	}
}

func TestWhatWouldNotRunDoesNotParse(t *testing.T) {
	for text, ok := range map[string]bool{
		"first: `lake keys create --source NAME`, or":  true,
		"`lake keys create SOURCE --role write`":       false,
		"see: lake keys create web":                    false,
		"`lake stauts`":                                false,
		"run lake verify --accept-known, then":         false,
		"run: lake verify; then: lake rebuild --type":  true, // only its value is missing
		"`lake replay`, and `lake replay --to FILE`":   true,
		"`lake replay --from DAY`":                     false,
		"the next lake tail of that name":              true,
		"lake gen --events 0 | lake send -":            true,
		"  lake up    run a lake\n  lake sql \"a, b\"": true,
	} {
		var failed error
		for _, words := range spokenCommands(text) {
			if err := parses(words); err != nil {
				failed = err
			}
		}
		if (failed == nil) != ok {
			t.Errorf("%s: %v", text, failed)
		}
	}
}

// parses looks at a command line without running it. Naming a command without
// anything behind it is not yet using it.
func parses(words []string) error {
	root := newRoot(&app{})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(words...)
	c, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if c == root && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return fmt.Errorf("there is no command %q", rest[0])
	}
	if len(rest) == 0 {
		return nil
	}
	c.InitDefaultHelpFlag()
	if err = c.ParseFlags(rest); err != nil && strings.Contains(err.Error(), "needs an argument") {
		err = c.ParseFlags(append(rest, anything))
	}
	if err != nil {
		return err
	}
	if help := c.Flags().Lookup("help"); help != nil && help.Changed {
		return nil
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		return err
	}
	if err := c.ValidateRequiredFlags(); err != nil {
		return err
	}
	return c.ValidateFlagGroups()
}

// anything stands for a value that is not known; every type of flag takes it.
const anything = "0"

// codeOf returns the code of a Markdown text: spans, and lines of blocks for a
// shell.
func codeOf(text string) (code []string) {
	language, inBlock := "", false
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "```"); ok {
			inBlock, language = !inBlock, rest
			continue
		}
		switch {
		case inBlock && slices.Contains([]string{"", "sh", "bash", "console"}, language):
			code = append(code, strings.TrimSpace(line))
		case !inBlock:
			for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
				code = append(code, m[1])
			}
		}
	}
	return code
}

// shellCommands finds the calls of lake in a line for a shell, each as its words
// without "lake".
func shellCommands(code string) (out [][]string) {
	code, _, _ = strings.Cut(code, " #")
	code = regexp.MustCompile(`"[^"]*"|'[^']*'|<[a-z]+>|\.\.\.`).ReplaceAllString(code, anything)
	code = regexp.MustCompile(`\s[12]?>{1,2}\s*\S+`).ReplaceAllString(code, "")
	for _, part := range regexp.MustCompile(`&&|\|\||[|;&] |[;&]$|\$\(|^\$ `).Split(code, -1) {
		words := strings.Fields(strings.Trim(part, " )"))
		for len(words) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0]) {
			words = words[1:]
		}
		if len(words) > 1 && slices.Contains([]string{"lake", "bin/lake", "./bin/lake"}, words[0]) {
			out = append(out, alternatives(words[1:])...)
		}
	}
	return out
}

// alternatives makes one command of each way to read "a|b", and takes away what
// marks something as optional.
func alternatives(words []string) [][]string {
	out := [][]string{{}}
	for _, w := range words {
		if w = strings.TrimRight(strings.Trim(w, "[]"), "].,:"); w == "" || w == "flags" {
			continue
		}
		if regexp.MustCompile(`^[A-Z][A-Z_]*$`).MatchString(w) {
			w = anything
		}
		var next [][]string
		for alternative := range strings.SplitSeq(w, "|") {
			for _, before := range out {
				next = append(next, append(slices.Clone(before), alternative))
			}
		}
		out = next
	}
	return out
}

// textsOf returns the texts in a source, with anything for what is put in when
// it runs.
func textsOf(file *ast.File) (texts []string) {
	var fold func(e ast.Expr) string
	fold = func(e ast.Expr) string {
		switch e := e.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
				return s
			}
		case *ast.BinaryExpr:
			if e.Op == token.ADD {
				return fold(e.X) + fold(e.Y)
			}
		}
		return anything
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr, *ast.BasicLit:
			if text := fold(n.(ast.Expr)); strings.Contains(text, "lake ") {
				texts = append(texts, regexp.MustCompile(`%[-+0-9.*]*[a-z]`).ReplaceAllString(text, anything))
			}
			return false
		}
		return true
	})
	return texts
}

// spokenCommands finds commands in a text for people. In backticks, behind a
// colon and at the start of an indented line everything belongs to the command;
// elsewhere what looks like it.
func spokenCommands(text string) (out [][]string) {
	verbs := map[string]*cobra.Command{}
	for _, c := range newRoot(&app{}).Commands() {
		verbs[c.Name()] = c
	}
	text = regexp.MustCompile("`([^`]*)`").ReplaceAllStringFunc(text, func(span string) string {
		out = append(out, shellCommands(strings.Trim(span, "`"))...)
		return ""
	})
	text = regexp.MustCompile(`"[^"\n]*"`).ReplaceAllString(text, anything)
	for _, m := range regexp.MustCompile(`(?m)(^  |: |^|[ (|])lake ([a-z][^,;()\n|]*)`).FindAllStringSubmatch(text, -1) {
		command, _, _ := strings.Cut(m[2], "  ") // what is behind explains it
		command, _, _ = strings.Cut(command, ": ")
		whole := shellCommands("lake " + strings.TrimSpace(command))
		if len(whole) == 0 || verbs[whole[0][0]] == nil {
			continue
		}
		for _, words := range whole {
			if m[1] != ": " && m[1] != "  " {
				words = likely(verbs[words[0]], words)
			}
			out = append(out, words)
		}
	}
	return out
}

// likely cuts prose off a command.
func likely(c *cobra.Command, words []string) []string {
	value := false
	for i, w := range words[1:] {
		sub := slices.IndexFunc(c.Commands(), func(s *cobra.Command) bool { return s.Name() == w })
		switch {
		case value || w == anything:
			value = false
		case strings.HasPrefix(w, "-"):
			f := c.Flags().Lookup(strings.TrimLeft(w, "-"))
			value = f != nil && f.NoOptDefVal == "" && !strings.Contains(w, "=")
		case sub >= 0:
			c = c.Commands()[sub]
		default:
			return words[:i+1]
		}
	}
	return words
}
