package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/atombender/go-jsonschema/pkg/schemas"
	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite what the golden cases want")

// TestGolden runs the cases in testdata/golden. Each is a txtar archive:
//
//	the comment            what the case shows
//	<revision>/schema.json one schema for each revision
//	overlay.yaml           may be left out: no entries
//	docs.yaml              may be left out: stand-in words for what has no description
//	want/<file>            generated files, compared byte for byte; the others only have to compile
//	error                  in place of want/: what the run must say
//
// The Go of all cases is vetted (and so type-checked) together, with the tests emitted beside it; those
// of the cases about members and unions are run.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/golden/*.txtar")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(cases), 34)
	module := newModule(t)
	var run []string // what is compiled takes its time; these are about what is on the wire
	for _, path := range cases {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			require.NoError(t, err)
			require.NotEmpty(t, archive.Comment, "a case says what it shows")
			files, runErr := generateCase(t, archive, name+"/mcp")
			checked := 0
			for i, f := range archive.Files {
				var got []byte
				switch {
				case f.Name == "error":
					require.Error(t, runErr)
					got = []byte(runErr.Error() + "\n")
				case strings.HasPrefix(f.Name, "want/"):
					require.NoError(t, runErr)
					require.Contains(t, files, name+"/mcp/"+strings.TrimPrefix(f.Name, "want/"))
					got = files[name+"/mcp/"+strings.TrimPrefix(f.Name, "want/")]
				default:
					continue
				}
				checked++
				if *update {
					archive.Files[i].Data = got
					continue
				}
				require.Equal(t, string(f.Data), string(got), f.Name)
			}
			require.NotZero(t, checked, "a case wants something")
			if *update {
				require.NoError(t, os.WriteFile(path, txtar.Format(archive), 0o666))
			}
			// not as tests: so one program can run those of all cases
			packaged := fileSet{}
			for path, data := range files {
				packaged[strings.Replace(path, "_test.go", "_tests.go", 1)] = data
			}
			_, err = packaged.write(module)
			require.NoError(t, err)
			if about, _, _ := strings.Cut(name, "_"); files != nil && (about == "member" || about == "union") {
				run = append(run, name)
			}
		})
	}
	runAll := fileSet{"cases_test.go": testOfAll(run)}
	_, err = runAll.write(module)
	require.NoError(t, err)
	runGo(t, module, "vet", "./...")
	runGo(t, module, "test", "-vet=off", ".", "-rapid.checks=20")
}

// testOfAll is a test that runs the generated tests of cases.
func testOfAll(cases []string) []byte {
	var imports, calls strings.Builder
	for _, name := range cases {
		fmt.Fprintf(&imports, "\t%s \"cases/%s/mcp\"\n", name, name)
		fmt.Fprintf(&calls, "\tt.Run(%q, %s.TestRoundTrip)\n", name, name)
	}
	return []byte("package cases\n\nimport (\n\t\"testing\"\n\n" + imports.String() + ")\n\nfunc TestAll(t *testing.T) {\n" + calls.String() + "}\n")
}

// generateCase lays a case out as a repository and runs the generator on it.
func generateCase(t *testing.T, archive *txtar.Archive, out string) (fileSet, error) {
	dir := t.TempDir()
	spec := fileSet{"spec/overlay.yaml": nil}
	var src bytes.Buffer
	for _, f := range archive.Files {
		if f.Name == "error" || strings.HasPrefix(f.Name, "want/") {
			continue
		}
		spec["spec/"+f.Name] = f.Data
		if rev, ok := strings.CutSuffix(f.Name, "/schema.json"); ok {
			src.WriteString(`,"` + rev + `":{"sha256":"of-this-case"}`)
		}
	}
	spec["spec/SOURCE.json"] = []byte(`{"revisions":{` + strings.TrimPrefix(src.String(), ",") + `}}`)
	if spec["spec/docs.yaml"] == nil {
		spec["spec/docs.yaml"] = standInDocs(t, spec)
	}
	_, err := spec.write(dir)
	require.NoError(t, err)
	p, err := readProtocol(dir)
	if err == nil {
		var files fileSet
		files, err = emit(p, out)
		if err == nil {
			return files, nil
		}
	}
	return nil, errors.New(strings.ReplaceAll(err.Error(), dir+"/", ""))
}

// standInDocs has words for whatever lacks a description, so that a case need not be about words.
func standInDocs(t *testing.T, spec fileSet) []byte {
	words := &docs{Definitions: map[string]defDocs{}}
	ov, err := parseOverlay(spec["spec/overlay.yaml"])
	if err != nil {
		return nil // the case is about that
	}
	for _, path := range sortedKeys(spec) {
		rev, ok := strings.CutSuffix(strings.TrimPrefix(path, "spec/"), "/schema.json")
		if !ok {
			continue
		}
		s, err := parseSchema(rev, spec[path], ov)
		if err != nil {
			return nil
		}
		b := &builder{s: s}
		for def, schema := range s.Defs {
			entry := words.Definitions[def]
			if entry.Fields == nil {
				entry.Fields = map[string]string{}
			}
			if schema.Description == "" {
				entry.Doc = "is a thing"
			}
			b.eachType(b.defAt(def), schema, func(at loc, member *schemas.Type) {
				if len(at.path) > 0 && member.Description == "" {
					entry.Fields[strings.Join(at.path, ".")] = "The member " + at.path[len(at.path)-1] + "."
				}
			})
			words.Definitions[def] = entry
		}
	}
	data, err := yaml.Marshal(words)
	require.NoError(t, err)
	return data
}

// newModule makes an empty module that sees this repository and what it requires.
func newModule(t *testing.T) string {
	dir := t.TempDir()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	mod, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	text := strings.Replace(string(mod), "module "+modulePath, "module cases", 1) +
		"\nrequire " + modulePath + " v0.0.0\n\nreplace " + modulePath + " => " + root + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o666))
	sum, err := os.ReadFile("../go.sum")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o666))
	return dir
}

// runGo runs the go command in a module of newModule.
func runGo(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "go %s:\n%s", strings.Join(args, " "), out)
}
