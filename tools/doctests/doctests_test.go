package doctests

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// documents are those whose claims are tests. One that is not written yet names none.
var documents = []string{"docs/security.md", "docs/limits.md", "docs/tasks.md", "docs/authorization.md"}

// TestTheTestsThatDocumentsNameExist: a row of the tables is worth as much as the test that it names.
func TestTheTestsThatDocumentsNameExist(t *testing.T) {
	tree := os.DirFS("../..")
	tests, err := Tests(tree)
	require.NoError(t, err)
	for _, document := range documents {
		text, err := fs.ReadFile(tree, document)
		if os.IsNotExist(err) {
			t.Log("there is no ", document)
			continue
		}
		require.NoError(t, err)
		require.Empty(t, Missing(Named(string(text)), tests), "named in %s, but in no package", document)
	}
}

// TestTheExamplesOfAuthorizationExist: each method has an example that go test runs.
func TestTheExamplesOfAuthorizationExist(t *testing.T) {
	tree := os.DirFS("../..")
	tests, err := Tests(tree)
	require.NoError(t, err)
	text, err := fs.ReadFile(tree, "docs/authorization.md")
	require.NoError(t, err)
	named := regexp.MustCompile(`\bExample[A-Za-z_]*\b`).FindAllString(string(text), -1)
	require.Greater(t, len(named), 20)
	for _, name := range named {
		require.True(t, slices.Contains(tests[name], "server/serverauth") || slices.Contains(tests[name], "client/clientauth"), "there is no %s", name)
	}
}

// TestEveryRowOfSecurityNamesATest: an attempt without a test is a hope. Rows that a test cannot prove say so with a dash
// and a reason.
func TestEveryRowOfSecurityNamesATest(t *testing.T) {
	text, err := os.ReadFile("../../docs/security.md")
	require.NoError(t, err)
	rows := 0
	lines := strings.Split(string(text), "\n")
	for i, line := range lines[:len(lines)-1] {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(lines[i+1], "|--") {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		last := cells[len(cells)-1]
		require.True(t, len(Named(last)) > 0 || strings.HasPrefix(last, "–"), "no test in the row: %s", line)
	}
	require.Greater(t, rows, 50)
}

func TestNamesAreFound(t *testing.T) {
	names := Named("a `TestA`, `runtime/rpc TestB`, `server.FuzzC`, `TestA`, `TestD/case one`, TestNot, `Testing`, `NotATestE`")
	require.Equal(t, []Name{{"", "TestA"}, {"runtime/rpc", "TestB"}, {"server", "FuzzC"}, {"", "TestD"}}, names)
	tests, err := Tests(fstest.MapFS{
		"a_test.go":             {Data: []byte("package a\nfunc TestA(t int) {}\nfunc (x y) TestD() {}\n")},
		"runtime/rpc/b_test.go": {Data: []byte("package b\nfunc TestB() {}\n")},
		"client/c_test.go":      {Data: []byte("package c\nfunc FuzzC() {}\n")},
		"testdata/d_test.go":    {Data: []byte("package d\nfunc TestD() {}\n")},
		"d.go":                  {Data: []byte("package d\nfunc TestD() {}\n")},
	})
	require.NoError(t, err)
	require.Equal(t, []Name{{"server", "FuzzC"}, {"", "TestD"}}, Missing(names, tests))
}
