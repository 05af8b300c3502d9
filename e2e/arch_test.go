package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// module is this module's path.
const module = "github.com/eventlake/lake"

// rule is what the packages below one directory may import of this module.
type rule struct {
	may    []string // directories; "" is the root package; "x/..." is x and what is below it
	reason string
}

// rules is the architecture: stage -> lake <- adapter. A directory that is not
// here has no place in it yet.
func rules() map[string]rule {
	stage := "a stage talks to ports and to the pure parts; which adapter stands behind a port only assemble decides"
	adapter := "an adapter implements ports over the file seam and knows no stage, so that it can be replaced"
	return map[string]rule{
		"":           {nil, "the nouns and the ports depend on nothing, so everything can depend on them"},
		"transform":  {[]string{""}, "transform is pure: the same bytes give the same answer for ever, so it sees nothing but nouns"},
		"raw":        {[]string{""}, stage},
		"sqltext":    {nil, "where a string or a comment of SQL ends follows from its bytes: the session and the engine must not differ in it"},
		"gen":        {[]string{""}, "made-up events follow from seed and number alone"},
		"client":     {[]string{""}, "a client is what other programs link: it must not drag the lake along"},
		"admin":      {[]string{""}, "the way to a running lake carries operations, it does not know them"},
		"collect":    {[]string{"", "transform", "serve/api"}, stage},
		"quarantine": {[]string{"", "transform", "raw"}, stage},
		"ingest":     {[]string{"", "transform", "raw", "quarantine"}, stage},
		"arrivals":   {[]string{"", "raw"}, stage},
		"curate":     {[]string{"", "raw"}, stage},
		"query":      {[]string{"", "serve/api", "sqltext"}, stage},
		"replay":     {[]string{"", "transform", "raw", "curate", "client"}, stage},
		"audit":      {[]string{"", "transform", "raw", "curate", "quarantine"}, stage},
		"serve":      {[]string{""}, "the HTTP frame carries handlers, it does not know them"},
		"config":     {[]string{"", "transform"}, "configuration is values; assemble hands them to stages"},
		"local":      {[]string{"", "local/disk", "iceberg", "sqltext"}, adapter},
		"iceberg":    {[]string{""}, "what Iceberg tables are made of is the same on a disk and in a cloud: it knows neither"},
		"aws":        {[]string{"", "aws/awsapi", "iceberg"}, "an adapter of an AWS service knows its service and the ports, no stage and no other adapter"},
		"laketest":   {[]string{"", "local/disk"}, "a contract suite knows the contract, not who is held to it"},
		"assemble": {[]string{"", "admin", "audit", "collect", "config", "curate/...", "ingest", "local/catalog", "local/disk", "local/keys",
			"local/ledger", "local/store", "local/stream", "quarantine", "query", "raw", "replay", "serve/...", "transform"},
			"assemble sees both sides, but not the SQL engine: DuckDB is linked by the command only"},
		"assemble/cloud": {[]string{"", "arrivals", "assemble/cloud", "aws/...", "collect", "lambda/...", "config", "curate", "ingest", "local/disk", "local/keys", "raw", "replay", "serve/api", "transform"},
			"the cloud's assembly sees stages and the adapters of AWS; of the machine's only the keys' file"},
		"lambda": {[]string{"", "arrivals", "aws/...", "collect", "curate", "ingest", "raw", "replay", "serve/api", "transform"},
			"a Lambda's handler decodes, calls one stage and encodes; it makes no adapter"},
		"deploy": {[]string{""}, "what packs and deploys works on files and knows of the lake only its errors"},
		"bench":  {[]string{"gen", "client"}, "the benchmark measures from the outside"},
		"e2e":    {nil, "end-to-end tests use the binary"},
	}
}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath, Dir                    string
	Imports, TestImports, XTestImports []string
	Deps, GoFiles                      []string
	Standard                           bool
}

// dir is the package's directory in the module.
func (p pkg) dir() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// packages lists the module's packages.
var packages = sync.OnceValues(func() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Imports,TestImports,XTestImports,Deps,GoFiles,Standard", module+"/...")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, errs.String())
	}
	var list []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
})

// ours returns the packages of this module.
func ours(t *testing.T) []pkg {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(slices.Clone(all), func(p pkg) bool { return p.ImportPath != module && !strings.HasPrefix(p.ImportPath, module+"/") })
}

// local returns the directories among the imports.
func local(imports []string) []string {
	var dirs []string
	for _, i := range imports {
		if i == module || strings.HasPrefix(i, module+"/") {
			dirs = append(dirs, strings.TrimPrefix(strings.TrimPrefix(i, module), "/"))
		}
	}
	return dirs
}

func allows(may []string, dir string) bool {
	return slices.ContainsFunc(may, func(m string) bool {
		tree, all := strings.CutSuffix(m, "/...")
		return m == dir || all && (dir == tree || strings.HasPrefix(dir, tree+"/"))
	})
}

func TestArrows(t *testing.T) {
	table := rules()
	for _, p := range ours(t) {
		top, _, _ := strings.Cut(p.dir(), "/")
		if top == "cmd" || top == "testdata" {
			continue // the command sees everything but test code; see below
		}
		parts := strings.SplitN(p.dir(), "/", 3)
		r, ok := table[strings.Join(parts[:min(2, len(parts))], "/")]
		if !ok {
			r, ok = table[top]
		}
		if !ok {
			t.Errorf("package %s has no rule: say in e2e/arch_test.go what it may import, and why", p.dir())
			continue
		}
		for _, dir := range local(p.Imports) {
			sameTree, _, _ := strings.Cut(dir, "/")
			if dir != p.dir() && !allows(r.may, dir) && (sameTree != top || top == "local") {
				t.Errorf("%s imports %s: %s", p.dir(), dir, r.reason)
			}
		}
	}
}

func TestTestCodeStaysInTests(t *testing.T) {
	for _, p := range ours(t) {
		for _, dir := range local(p.Imports) {
			// lake-aws-local is the emulated cloud as a command; nothing else may be one.
			if strings.HasPrefix(dir, "laketest") && !strings.HasPrefix(p.dir(), "laketest") && p.dir() != "cmd/lake-aws-local" {
				t.Errorf("%s imports %s: suites and faults belong into tests, not into the program", p.dir(), dir)
			}
		}
	}
}

func TestTheRootPackageIsStandardLibraryOnly(t *testing.T) {
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	standard := map[string]bool{}
	for _, p := range all {
		standard[p.ImportPath] = p.Standard
	}
	for _, p := range ours(t) {
		if p.ImportPath != module {
			continue
		}
		for _, dep := range p.Deps {
			if !standard[dep] {
				t.Errorf("the root package depends on %s: whoever knows the nouns must get nothing else with them", dep)
			}
		}
	}
}

// TestHeavyPartsStayWhereTheyAre: one package knows each of the large
// dependencies, and what is deployed alone later does not link them.
func TestHeavyPartsStayWhereTheyAre(t *testing.T) {
	homes := map[string][]string{
		"github.com/duckdb/duckdb-go":         {"local/duckdb"},
		"github.com/apache/iceberg-go":        {"iceberg"},
		"modernc.org/sqlite":                  {"local/catalog"},
		"github.com/parquet-go/parquet-go":    {"curate", "curate/parquetfile"},
		"github.com/spf13/cobra":              {"cmd/lake"},
		"github.com/prometheus/client_golang": nil, // metrics are everywhere but in the pure parts
	}
	pure := []string{"", "transform", "gen", "raw", "client"}
	for _, p := range ours(t) {
		if strings.HasPrefix(p.dir(), "laketest") || p.dir() == "bench" {
			continue // suites look at files with whatever reads them; bench measures DuckDB as a peer
		}
		for heavy, home := range homes {
			for _, i := range p.Imports {
				if strings.HasPrefix(i, heavy) && (home != nil && !slices.Contains(home, p.dir()) || home == nil && slices.Contains(pure, p.dir())) {
					t.Errorf("%s imports %s: it belongs to %v", p.dir(), i, home)
				}
			}
		}
		for _, dep := range p.Deps {
			if strings.HasPrefix(dep, "github.com/duckdb/") && p.dir() != "local/duckdb" && !strings.HasPrefix(p.dir(), "cmd/lake") {
				t.Errorf("%s links DuckDB: only cmd/lake may, through local/duckdb; everything else must build without C and stay small", p.dir())
				break
			}
		}
	}
}

// TestTransformIsPure: no input, output, clock or randomness can change what an
// event is, else a second run after a crash would decide otherwise.
func TestTransformIsPure(t *testing.T) {
	forbidden := []string{"os", "net", "io/fs", "io/ioutil", "math/rand", "crypto/rand", "log", "log/slog", "syscall", "unsafe", "context"}
	for _, p := range ours(t) {
		if p.dir() != "transform" {
			continue
		}
		for _, i := range p.Imports {
			for _, f := range forbidden {
				if i == f || strings.HasPrefix(i, f+"/") {
					t.Errorf("transform imports %s: it must depend on nothing but its arguments", i)
				}
			}
		}
		for name, file := range parse(t, p.Dir, p.GoFiles) {
			ast.Inspect(file, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Tick", "Sleep", "NewTimer", "Local"}, s.Sel.Name) {
					t.Errorf("transform/%s uses time.%s: decisions use log time, which comes as an argument", name, s.Sel.Name)
				}
				return true
			})
		}
	}
}

// parse parses files of a directory.
func parse(t *testing.T, dir string, names []string) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = f
	}
	return files
}

func TestNoHiddenStart(t *testing.T) {
	for _, p := range ours(t) {
		if base := filepath.Base(p.dir()); slices.Contains([]string{"util", "utils", "common", "helpers", "misc", "types", "shared"}, base) {
			t.Errorf("package %s: a package is named for what it is about, not for being used often", p.dir())
		}
		for name, file := range parse(t, p.Dir, p.GoFiles) {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s/%s has an init function: wiring is explicit and happens in assemble", p.dir(), name)
				}
			}
		}
	}
}

// ports are the interfaces of the root package that adapters implement, and the
// suite that holds each to its contract.
func ports() map[string]string {
	return map[string]string{
		"Stream": "streamtest.Suite", "Ledger": "ledgertest.Suite", "Backlog": "ledgertest.Backlog",
		"Store": "storetest.Suite", "Catalog": "catalogtest.Suite", "Engine": "enginetest.Suite",
		"Sink": "sinktest.Suite",
	}
}

// TestEveryAdapterRunsItsSuite finds the types that have all methods of a port
// and looks for the call of the port's suite in the tests beside them.
func TestEveryAdapterRunsItsSuite(t *testing.T) {
	list := ours(t)
	methods := portMethods(t, list)
	implemented := map[string]int{}
	for _, p := range list {
		top, _, _ := strings.Cut(p.dir(), "/")
		if top != "local" && top != "aws" && p.dir() != "laketest/memory" {
			continue
		}
		called := suitesCalled(t, p)
		for typ, has := range methodSets(parse(t, p.Dir, p.GoFiles)) {
			for port, want := range methods {
				if !subset(want, has) {
					continue
				}
				implemented[port]++
				if suite := ports()[port]; !called[suite] {
					t.Errorf("%s.%s implements lake.%s, but no test there calls %s: the suite is the contract", p.dir(), typ, port, suite)
				}
			}
		}
	}
	for port := range methods {
		if implemented[port] < 2 && port != "Engine" && port != "Sink" { // the embedded lake's sink is raw.Writer, a stage's part
			t.Errorf("lake.%s has %d implementations under local and laketest/memory; has this test gone blind?", port, implemented[port])
		}
	}
}

// signature is a method's name and its number of parameters.
type signature struct {
	name   string
	params int
}

func signatureOf(name string, f *ast.FuncType) signature {
	n := 0
	for _, p := range f.Params.List {
		n += max(1, len(p.Names))
	}
	return signature{name, n}
}

// portMethods reads the ports from the root package.
func portMethods(t *testing.T, list []pkg) map[string][]signature {
	t.Helper()
	out := map[string][]signature{}
	for _, p := range list {
		if p.ImportPath != module {
			continue
		}
		for _, file := range parse(t, p.Dir, p.GoFiles) {
			ast.Inspect(file, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok || ports()[spec.Name.Name] == "" {
					return true
				}
				if i, ok := spec.Type.(*ast.InterfaceType); ok {
					for _, m := range i.Methods.List {
						if f, ok := m.Type.(*ast.FuncType); ok {
							out[spec.Name.Name] = append(out[spec.Name.Name], signatureOf(m.Names[0].Name, f))
						}
					}
				}
				return false
			})
		}
	}
	if len(out) != len(ports()) {
		t.Fatalf("found %d ports in the root package, know suites for %d", len(out), len(ports()))
	}
	return out
}

// methodSets collects the methods of each type.
func methodSets(files map[string]*ast.File) map[string][]signature {
	out := map[string][]signature{}
	for _, file := range files {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil {
				continue
			}
			typ := f.Recv.List[0].Type
			if star, ok := typ.(*ast.StarExpr); ok {
				typ = star.X
			}
			if id, ok := typ.(*ast.Ident); ok {
				out[id.Name] = append(out[id.Name], signatureOf(f.Name.Name, f.Type))
			}
		}
	}
	return out
}

func subset(want, has []signature) bool {
	return !slices.ContainsFunc(want, func(s signature) bool { return !slices.Contains(has, s) })
}

// suitesCalled finds calls such as streamtest.Suite(...) in a package's tests.
func suitesCalled(t *testing.T, p pkg) map[string]bool {
	t.Helper()
	called := map[string]bool{}
	names, err := filepath.Glob(filepath.Join(p.Dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	for _, file := range parse(t, p.Dir, names) {
		ast.Inspect(file, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok {
				if s, ok := c.Fun.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok {
						called[x.Name+"."+s.Sel.Name] = true
					}
				}
			}
			return true
		})
	}
	return called
}

// TestEveryConfigurationKeyIsUsed: a key that nothing reads is a lie in the
// documents.
func TestEveryConfigurationKeyIsUsed(t *testing.T) {
	used := map[string]bool{}
	var fields []string
	for _, p := range ours(t) {
		files := parse(t, p.Dir, p.GoFiles)
		if p.dir() == "config" {
			fields = configFields(files["config.go"])
		}
		if !slices.Contains(local(p.Imports), "config") && p.dir() != "config" {
			continue
		}
		for name, file := range files {
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && (p.dir() != "config" || name == "mapping.go" || name == "access.go") {
					used[s.Sel.Name] = true
				}
				return true
			})
		}
	}
	if len(fields) < 30 {
		t.Fatalf("found only %d keys", len(fields))
	}
	for _, f := range fields {
		if !used[f] {
			t.Errorf("nothing reads the configuration field %s; use it or remove the key", f)
		}
	}
}

// configFields lists the struct fields that have a yaml key.
func configFields(file *ast.File) []string {
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		f, ok := n.(*ast.Field)
		if !ok || f.Tag == nil || len(f.Names) == 0 {
			return true
		}
		if tag, err := strconv.Unquote(f.Tag.Value); err == nil && strings.Contains(tag, "yaml:") {
			out = append(out, f.Names[0].Name)
		}
		return true
	})
	return out
}

// repository walks the repository's own files, without what git ignores.
func repository(t *testing.T) []string {
	t.Helper()
	root := repositoryRoot(t)
	var out []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && slices.Contains([]string{".git", "bin", ".venv", ".tools", ".cache", "lake-data", "demo-data"}, d.Name()) {
			return fs.SkipDir
		}
		rel, err := filepath.Rel(root, path)
		out = append(out, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func repositoryRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}
