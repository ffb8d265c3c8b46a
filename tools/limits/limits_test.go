package limits

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// folders are the packages of the page by name.
var folders = map[string]string{
	"rpc": "runtime/rpc", "pipe": "runtime/pipe", "stdio": "runtime/stdio", "tcp": "runtime/tcp", "websocket": "runtime/websocket",
	"streamhttp": "runtime/streamhttp", "legacysse": "runtime/legacysse", "schemalimit": "runtime/schemalimit",
	"httpclient": "runtime/internal/httpclient", "server": "server", "client": "client", "resilience": "client/resilience",
	"serverauth": "server/serverauth", "clientauth": "client/clientauth",
}

// structs are those each field of which must be on the page.
var structs = []string{
	"rpc.Limits", "rpc.LineLimits", "pipe.Limits", "stdio.Limits", "tcp.Limits", "websocket.Limits", "websocket.Wire",
	"streamhttp.Limits", "streamhttp.ClientLimits", "streamhttp.MemoryLimits", "legacysse.Limits", "legacysse.ClientLimits",
	"server.Limits", "server.ResourceLimits", "client.Limits", "schemalimit.Limits",
	"serverauth.GuessLimits", "serverauth.KeyLimits", "serverauth.FetchLimits", "clientauth.Limits",
}

// nested are fields that are limits of another package, which has rows of its own.
var nested = []string{"tcp.Limits.Lines", "stdio.Limits.Lines", "websocket.Limits.Wire", "legacysse.ClientLimits.Backoff"}

// source is what the test knows of a package.
type source struct {
	fset     *token.FileSet
	consts   map[string]string            // source of the value
	fields   map[string]map[string]string // of each struct, with their comments
	exported map[string]bool              // functions
}

func read(t *testing.T, folder string) *source {
	t.Helper()
	s := &source{token.NewFileSet(), map[string]string{}, map[string]map[string]string{}, map[string]bool{}}
	files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		file, err := parser.ParseFile(s.fset, name, text, parser.ParseComments)
		require.NoError(t, err)
		base := s.fset.File(file.Pos()).Base()
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				s.exported[n.Name.Name] = true
			case *ast.ValueSpec:
				for i, v := range n.Values {
					s.consts[n.Names[i].Name] = string(text[int(v.Pos())-base : int(v.End())-base])
				}
			case *ast.TypeSpec:
				if st, ok := n.Type.(*ast.StructType); ok {
					s.fields[n.Name.Name] = map[string]string{}
					for _, f := range st.Fields.List {
						for _, name := range f.Names {
							if name.IsExported() {
								s.fields[n.Name.Name][name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
							}
						}
					}
				}
			}
			return true
		})
	}
	return s
}

// value evaluates a constant, durations in nanoseconds.
func (s *source) value(t *testing.T, expr string) (int64, bool) {
	t.Helper()
	for unit, d := range map[string]time.Duration{"time.Second": time.Second, "time.Minute": time.Minute, "time.Hour": time.Hour, "time.Millisecond": time.Millisecond} {
		expr = strings.ReplaceAll(expr, unit, strconv.FormatInt(int64(d), 10))
	}
	v, err := types.Eval(s.fset, nil, token.NoPos, expr)
	if err != nil || v.Value == nil {
		return 0, false
	}
	return constant.Int64Val(constant.ToInt(v.Value))
}

var units = map[string]int64{
	"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
	"ms": int64(time.Millisecond), "s": int64(time.Second), "min": int64(time.Minute), "h": int64(time.Hour), "a": 1,
}

// number reads a default of the page: its first number, with the unit.
func number(t *testing.T, text string) int64 {
	t.Helper()
	m := regexp.MustCompile(`^([\d,]+)(?: ([a-zA-Z]+))?`).FindStringSubmatch(text)
	require.NotNil(t, m, "the default %q is no number", text)
	n, err := strconv.ParseInt(strings.ReplaceAll(m[1], ",", ""), 10, 64)
	require.NoError(t, err)
	unit, ok := units[m[2]]
	require.True(t, ok, "the default %q has an unknown unit", text)
	return n * unit
}

// row is a row of a table of the page.
type row struct {
	limit, standard, set string
	tests                []string
}

func rows(t *testing.T) (all []row, page string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "limits.md"))
	require.NoError(t, err)
	quoted := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 5 || !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| limit") {
			continue
		}
		r := row{limit: strings.TrimPrefix(cells[0], "| "), standard: cells[1]}
		set := quoted.FindStringSubmatch(cells[2])
		require.NotNil(t, set, line)
		r.set = set[1]
		for _, m := range quoted.FindAllStringSubmatch(cells[4], -1) {
			r.tests = append(r.tests, m[1])
		}
		all = append(all, r)
	}
	return all, string(text)
}

func TestThePageAndTheCodeAgree(t *testing.T) {
	all, page := rows(t)
	require.Greater(t, len(all), 100)
	sources := map[string]*source{}
	for name, folder := range folders {
		sources[name] = read(t, folder)
	}
	named := map[string]bool{}
	for _, r := range all {
		require.False(t, named[r.set], "%s has two rows", r.set)
		named[r.set] = true
		parts := strings.Split(r.set, ".")
		s := sources[parts[0]]
		require.NotNil(t, s, "%s: the package is unknown", r.set)
		comment := ""
		var names []string
		if len(parts) == 3 {
			var ok bool
			comment, ok = s.fields[parts[1]][parts[2]]
			require.True(t, ok, "%s does not exist", r.set)
			kind := strings.TrimSuffix(strings.TrimSuffix(parts[1], "s"), "Limit")
			names = []string{"default" + kind + parts[2], "defaultStore" + parts[2], "default" + parts[2], "defaultMax" + parts[2]}
			switch parts[1] {
			case "MemoryLimits":
			case "AskTimeouts": // its defaults are no constants: the comment says them
				names = nil
			default:
				names = slices.Delete(names, 1, 2)
			}
		} else {
			require.True(t, s.exported[parts[1]], "%s does not exist", r.set)
			names = []string{"default" + strings.TrimSuffix(strings.TrimPrefix(parts[1], "With"), "out"), "default" + strings.TrimPrefix(parts[1], "With"), "default" + strings.TrimSuffix(parts[1], "Timeout")}
			if r.set == "httpclient.New" {
				names = []string{"defaultHeader"}
			}
		}
		if r.standard == "none" {
			continue
		}
		want := number(t, r.standard)
		i := slices.IndexFunc(names, func(n string) bool { return s.consts[n] != "" })
		switch {
		case i >= 0:
			got, ok := s.value(t, s.consts[names[i]])
			require.True(t, ok, "%s is no constant", names[i])
			require.Equal(t, got, want, "%s: the page says %s, the code %s", r.set, r.standard, s.consts[names[i]])
		case strings.HasSuffix(r.set, ".Schema"): // the depth, of which schemalimit has the row
		default:
			first, _, _ := strings.Cut(r.standard, ",")
			require.Contains(t, comment, "default "+first, "%s: no constant and no comment says what the page does", r.set)
		}
	}
	for _, name := range structs {
		pkg, st, _ := strings.Cut(name, ".")
		require.NotEmpty(t, sources[pkg].fields[st], name)
		for field := range sources[pkg].fields[st] {
			full := name + "." + field
			require.True(t, named[full] || slices.Contains(nested, full), "%s has no row in docs/limits.md", full)
		}
	}
	for _, full := range nested {
		pkg, rest, _ := strings.Cut(full, ".")
		st, field, _ := strings.Cut(rest, ".")
		require.Contains(t, sources[pkg].fields[st], field)
	}
	require.NotContains(t, page, "TODO")
}

func TestTheTestsOfThePageExist(t *testing.T) {
	all, _ := rows(t)
	tests := map[string]string{} // text of the tests of a folder
	for _, r := range all {
		require.NotEmpty(t, r.tests, r.limit)
		for _, test := range r.tests {
			folder, name, ok := strings.Cut(test, ".")
			require.True(t, ok, test)
			if _, ok := tests[folder]; !ok {
				files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
				require.NoError(t, err)
				for _, file := range files {
					text, err := os.ReadFile(file)
					require.NoError(t, err)
					tests[folder] += string(text)
				}
			}
			require.Contains(t, tests[folder], "func "+name+"(", "%s: the test %s does not exist", r.set, test)
		}
	}
}
