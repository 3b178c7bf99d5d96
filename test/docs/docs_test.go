package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const module = "github.com/brigadecore/brigade-k8s-gateway/"

// parse parses the Go files of a folder, without its tests.
func parse(t *testing.T, folder string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(Root, filepath.FromSlash(folder), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// packages returns the folders of the gateway's packages, sorted.
func packages(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(Root, "pkg", "*"))
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"cmd/k8s-gateway"}
	for _, folder := range folders {
		all = append(all, "pkg/"+filepath.Base(folder))
	}
	return all
}

// step is a line of "The way of an Event".
var step = regexp.MustCompile("(?m)^\\d+\\. `([^`]+)/([^`/]+\\.go)`: `(\\w+)`: .+$")

func TestTheWayOfAnEventIsInTheCode(t *testing.T) {
	t.Parallel()
	steps := step.FindAllStringSubmatch(Section(t, "CONTRIBUTING.md", "The way of an Event"), -1)
	if len(steps) != 10 {
		t.Fatalf("%d steps, want 10", len(steps))
	}
	var walked []string
	for _, s := range steps {
		folder, name, function := s[1], s[2], s[3]
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(Root, folder, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(file.Decls, func(d ast.Decl) bool {
			f, ok := d.(*ast.FuncDecl)
			return ok && f.Name.Name == function
		}) {
			t.Errorf("%s/%s has no function %s", folder, name, function)
		}
		if len(walked) > 0 && walked[len(walked)-1] == folder {
			continue
		}
		if slices.Contains(walked, folder) {
			t.Errorf("%s goes back to %s, which was left", s[0], folder)
		}
		walked = append(walked, folder)
	}
}

// row is a package in the table of docs/design.md: its folder, and what it imports.
var row = regexp.MustCompile("(?m)^\\| `((?:cmd|pkg)/[\\w-]+)` \\| .+ \\|([^|]*)\\|$")

func TestEachPackageHasARowWithItsImports(t *testing.T) {
	t.Parallel()
	rows := row.FindAllStringSubmatch(Section(t, "docs/design.md", "The flow of an Event"), -1)
	var folders []string
	for _, r := range rows {
		folders = append(folders, r[1])
	}
	if diff := cmp.Diff(packages(t), slices.Sorted(slices.Values(folders))); diff != "" {
		t.Errorf("packages and rows (-packages +rows):\n%s", diff)
	}
	for i, r := range rows {
		if r[1] == "cmd/k8s-gateway" {
			continue // imports everything
		}
		var listed, imported []string
		for name := range strings.SplitSeq(strings.TrimSpace(r[2]), ", ") {
			if slices.Contains(folders, "pkg/"+name) {
				listed = append(listed, name)
			}
		}
		for _, file := range parse(t, r[1]) {
			for _, spec := range file.Imports {
				if name, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"pkg/"); ok {
					imported = append(imported, name)
				}
			}
		}
		slices.Sort(imported)
		imported = slices.Compact(imported)
		if diff := cmp.Diff(imported, listed); diff != "" {
			t.Errorf("%s imports (-code +table):\n%s", r[1], diff)
		}
		for _, name := range imported {
			if slices.Index(folders, "pkg/"+name) < i {
				t.Errorf("%s imports %s, which is an upper row", r[1], name)
			}
		}
	}
}

func TestTheLinterHasARuleForEachPackage(t *testing.T) {
	t.Parallel()
	var linters struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct{ Files []string }
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(Read(t, ".golangci.yml")), &linters); err != nil {
		t.Fatal(err)
	}
	for _, folder := range packages(t) {
		name, ok := strings.CutPrefix(folder, "pkg/")
		if !ok {
			continue
		}
		if files := linters.Linters.Settings.Depguard.Rules[name].Files; !slices.Contains(files, "**/"+folder+"/*.go") {
			t.Errorf("depguard has no rule for %s", folder)
		}
	}
}

func TestEachPackageHasTests(t *testing.T) {
	t.Parallel()
	for _, folder := range packages(t) {
		tests, err := filepath.Glob(filepath.Join(Root, folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if len(tests) == 0 {
			t.Errorf("%s has no tests", folder)
		}
	}
}

func TestTheGlossaryNamesWhatTheCodeHas(t *testing.T) {
	t.Parallel()
	const maxTerms = 20
	terms := regexp.MustCompile("(?m)^\\| ([^|`]+) \\| [^|]+ \\| (`.+`) \\|$").
		FindAllStringSubmatch(Section(t, "docs/design.md", "Glossary"), -1)
	if len(terms) == 0 || len(terms) > maxTerms {
		t.Errorf("%d terms, want 1 to %d", len(terms), maxTerms)
	}
	words := map[string]bool{}
	for _, folder := range packages(t) {
		for _, file := range parse(t, folder) {
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Ident: // a type, a function, a field
					words[n.Name] = true
					words[file.Name.Name+"."+n.Name] = true
				case *ast.BasicLit: // a metric, a log key, a flag, a key of the filter file
					words[strings.Trim(n.Value, `"`)] = true
				}
				return true
			})
		}
	}
	for _, term := range terms {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(term[2], -1) {
			if !words[strings.TrimPrefix(name[1], "--")] {
				t.Errorf("%s: nothing in the code is called %s", term[1], name[1])
			}
		}
	}
}
