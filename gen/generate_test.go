package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// inMemory is what a run on this repository would write.
func inMemory(t *testing.T) (*protocol, fileSet) {
	t.Helper()
	p, err := readProtocol("..")
	require.NoError(t, err)
	files, err := emit(p, outDir)
	require.NoError(t, err)
	require.NoError(t, files.addStatic("mcp", outDir))
	return p, files
}

func TestRepositoryIsUpToDate(t *testing.T) {
	_, files := generatedOnce(t)
	stale, err := files.stale("..", outDir)
	require.NoError(t, err)
	require.Empty(t, stale, "run `make generate`")
}

func TestRunsAreByteIdentical(t *testing.T) {
	_, want := inMemory(t)
	for range 5 {
		_, got := inMemory(t)
		require.Equal(t, sortedKeys(want), sortedKeys(got))
		for path := range want {
			require.Equal(t, string(want[path]), string(got[path]), path)
		}
	}
}

// Problems come in one order too, or a person could not see what an edit settles.
func TestProblemsComeInOneOrder(t *testing.T) {
	in, err := load("..")
	require.NoError(t, err)
	in.Docs, in.Overlay.Gates, in.Overlay.Names = &docs{}, nil, nil
	_, want := makeProtocol(in)
	require.Greater(t, len(want), 500)
	for range 3 {
		_, got := makeProtocol(in)
		require.Equal(t, errors.Join(want...).Error(), errors.Join(got...).Error())
	}
}

var once struct {
	sync.Once
	p     *protocol
	files fileSet
}

// generatedOnce is inMemory for those who only read it.
func generatedOnce(t *testing.T) (*protocol, fileSet) {
	t.Helper()
	once.Do(func() { once.p, once.files = inMemory(t) })
	return once.p, once.files
}

// copyOfRepository has what the generator reads and writes.
func copyOfRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "spec"), os.DirFS("../spec")))
	_, files := generatedOnce(t)
	_, err := files.write(dir)
	require.NoError(t, err)
	return dir
}

func TestGenerateSaysWhatItReadAndWrote(t *testing.T) {
	dir := copyOfRepository(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, outDir, "enums.go"), []byte("stale"), 0o666))
	require.NoError(t, os.Remove(filepath.Join(dir, outDir, "table.go")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, outDir, "left_over.go"), nil, 0o666))
	out, err := runIn(t, dir)
	require.NoError(t, err)
	require.Contains(t, out, "read  spec/2025-11-25/schema.json: 145 definitions (official file sha256 268a5f82ba70…)\n")
	require.Regexp(t, `wrote generated/mcp/enums.go \(\d+ bytes, changed\)`, out)
	require.Regexp(t, `wrote generated/mcp/table.go \(\d+ bytes, new\)`, out)
	require.Regexp(t, `wrote generated/mcp/stubs.go \(\d+ bytes, unchanged\)`, out)
	require.Contains(t, out, "removed generated/mcp/left_over.go\n")
	_, err = runIn(t, dir, "-check")
	require.NoError(t, err)
}

func TestGenerateFromNothing(t *testing.T) {
	dir := copyOfRepository(t)
	want := contents(t, dir)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "generated")))
	_, err := runIn(t, dir)
	require.NoError(t, err)
	require.Equal(t, want, contents(t, dir))
}

func TestCheckPassesOnACleanTree(t *testing.T) {
	dir := copyOfRepository(t)
	out, err := runIn(t, dir, "-check")
	require.NoError(t, err)
	require.Regexp(t, `^\d+ files are as generated\n$`, out)
}

func TestCheckNamesWhatIsStaleAndWritesNothing(t *testing.T) {
	dir := copyOfRepository(t)
	file, err := os.OpenFile(filepath.Join(dir, outDir, "enums.go"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString("\n")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, outDir, "table.go")))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, outDir, "sub"), 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(dir, outDir, "sub/new.go"), nil, 0o666))
	before := contents(t, dir)
	out, err := runIn(t, dir, "-check")
	require.EqualError(t, err, "3 files are stale: run `make generate`")
	require.Equal(t, "stale: generated/mcp/enums.go (differs)\nstale: generated/mcp/table.go (missing)\nstale: generated/mcp/sub/new.go (not generated)\n", out)
	require.Equal(t, before, contents(t, dir))
}

// A run that fails, for whatever reason, leaves the tree as it was.
func TestFailureLeavesTheTreeUntouched(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"schema that is not JSON": {func(t *testing.T, dir string) {
			edit(t, dir, "spec/2025-11-25/schema.json", `"$defs"`, `$defs`)
		}, "spec/2025-11-25/schema.json: not JSON: at the root: invalid character '$'"},
		"schema that is refused": {func(t *testing.T, dir string) {
			edit(t, dir, "spec/2025-11-25/schema.json", `"#/$defs/Role"`, `"#/$defs/Rolle"`)
		}, `the reference "#/$defs/Rolle" leads to no definition`},
		"overlay that is no YAML": {func(t *testing.T, dir string) {
			edit(t, dir, "spec/overlay.yaml", "suffixes:", "suffixes: [")
		}, "overlay.yaml: ["},
		"overlay that nothing needs": {func(t *testing.T, dir string) {
			edit(t, dir, "spec/overlay.yaml", "- name: _meta", "- name: _mota")
		}, "overlay.yaml: members entry 1, but nothing there needs it"},
		"docs with a gap": {func(t *testing.T, dir string) {
			edit(t, dir, "spec/docs.yaml", "  Annotations:\n    doc: ", "  Annotations:\n    doc: \"\" #")
		}, "/$defs/Annotations: nothing says what the definition is"},
		"no overlay": {func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "spec/overlay.yaml")))
		}, "spec/overlay.yaml: no such file or directory"},
		"no revision": {func(t *testing.T, dir string) {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "spec/2025-11-25")))
		}, "import one with go run ./gen import -rev YYYY-MM-DD FILE"},
		"directory in the way of a file": {func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, outDir, "unions.go")))
			require.NoError(t, os.Mkdir(filepath.Join(dir, outDir, "unions.go"), 0o777))
		}, "generated/mcp/unions.go: is a directory"},
		"file in the way of the directory": {func(t *testing.T, dir string) {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, outDir)))
			require.NoError(t, os.WriteFile(filepath.Join(dir, outDir), []byte("mine"), 0o666))
		}, "generated/mcp/COVERAGE.md: not a directory"},
		"disk that fails midway": {func(t *testing.T, _ string) {
			n := 0
			rename = func(from, to string) error {
				if n++; n == 3 {
					return &os.LinkError{Op: "rename", Old: from, New: to, Err: errors.New("disk on fire")}
				}
				return os.Rename(from, to)
			}
			t.Cleanup(func() { rename = os.Rename })
		}, "disk on fire"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyOfRepository(t)
			// files that a run would change, add and remove
			for _, name := range []string{"doc.go", "enums.go", "validate_tools.go"} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, outDir, name), []byte("stale"), 0o666))
			}
			require.NoError(t, os.Remove(filepath.Join(dir, outDir, "errors.go")))
			require.NoError(t, os.WriteFile(filepath.Join(dir, outDir, "left_over.go"), nil, 0o666))
			c.spoil(t, dir)
			before := contents(t, dir)
			_, err := runIn(t, dir)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, before, contents(t, dir))
		})
	}
}

func edit(t *testing.T, dir, name, old, with string) {
	t.Helper()
	text := readFile(t, dir, name)
	require.Contains(t, text, old)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(strings.Replace(text, old, with, 1)), 0o666))
}

var tableRow = regexp.MustCompile(`(?m)^\| (.+) \|$`)

func TestReportCoversTheWholeSchema(t *testing.T) {
	p, files := generatedOnce(t)
	out, err := runIn(t, "..", "report")
	require.NoError(t, err)
	require.Equal(t, string(files[outDir+"/COVERAGE.md"]), out)

	in, err := load("..")
	require.NoError(t, err)
	definitions, methods, _ := strings.Cut(out, "| method |")
	require.Len(t, in.Schemas[0].Defs, 145)
	for def := range in.Schemas[0].Defs {
		require.Regexp(t, `(?m)^\| `+regexp.QuoteMeta(def)+` \| \S.* \|$`, definitions)
	}
	require.Contains(t, definitions, "\n145 definitions.\n")
	require.Contains(t, methods, "\n31 methods.\n")
	for _, row := range tableRow.FindAllStringSubmatch(out, -1) {
		for _, cell := range strings.Split(row[1], " | ") {
			require.NotEmpty(t, strings.TrimSpace(cell), row[0])
		}
	}

	requests, notifications := 0, 0
	for _, m := range p.Methods {
		require.Regexp(t, `(?m)^\| `+regexp.QuoteMeta(m.Name)+` \| (client|server|both) \| \S+ \| \S+ \| \S.* \| \S.* \| \w+Handler \|$`, methods)
		require.True(t, m.FromClient || m.FromServer, m.Name)
		require.NotEmpty(t, m.Handler, m.Name)
		if m.Notification {
			notifications++
			require.Nil(t, m.Result, m.Name)
		} else {
			requests++
			require.NotNil(t, m.Result, m.Name)
		}
	}
	require.Equal(t, 20, requests)
	require.Equal(t, 11, notifications)
}
