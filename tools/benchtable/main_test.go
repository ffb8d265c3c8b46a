package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTablePutsLibrariesSideBySide(t *testing.T) {
	in := `cpu: A Processor
BenchmarkDecode/tools/list,_50_tools/tenon-2         	 100	  1000 ns/op	 239.73 MB/s	 691 B/op	 7 allocs/op
BenchmarkDecode/tools/list,_50_tools/encoding/json-2 	 100	  4500 ns/op	 239.73 MB/s	 691 B/op	 28 allocs/op
BenchmarkDecode/tools/list,_50_tools/goccy_v2-2      	 100	  2000 ns/op	 239.73 MB/s	 691 B/op	 9 allocs/op
BenchmarkEncode/tools/list,_50_tools/tenon-2         	 100	  100 ns/op	 239.73 MB/s	 691 B/op	 0 allocs/op
BenchmarkEncode/tools/list,_50_tools/encoding/json-2 	 100	  500 ns/op	 239.73 MB/s	 691 B/op	 1 allocs/op
BenchmarkEncode/tools/list,_50_tools/goccy_v2-2      	 100	  200 ns/op	 239.73 MB/s	 691 B/op	 1 allocs/op
BenchmarkValidate/tools/list,_50_tools/tenon-2       	 100	  20 ns/op
BenchmarkDecode/tools/list,_50_tools/tenon-2         	 100	  1900 ns/op	 239.73 MB/s	 691 B/op	 7 allocs/op
`
	var out strings.Builder
	require.NoError(t, run(strings.NewReader(in), &out))
	require.Equal(t, `Machine: A Processor.

| decode | tenon | allocations | encoding/json | allocations | goccy v2 | allocations |
|---|--:|--:|--:|--:|--:|--:|
| tools/list, 50 tools | 1.0 µs | 7 | 4.5× | 28 | 2.0× | 9 |
| geometric mean | | | 4.5× | | 2.0× | |

| encode | tenon | allocations | encoding/json | allocations | goccy v2 | allocations |
|---|--:|--:|--:|--:|--:|--:|
| tools/list, 50 tools | 100 ns | 0 | 5.0× | 1 | 2.0× | 1 |
| geometric mean | | | 5.0× | | 2.0× | |

| validate | tenon | of decode |
|---|--:|--:|
| tools/list, 50 tools | 20 ns | 2.0% |
`, out.String())
}

func TestNoBenchmarkIsAnError(t *testing.T) {
	require.EqualError(t, run(strings.NewReader("PASS\n"), &strings.Builder{}), "no benchmark of generated/mcp in the input")
}
