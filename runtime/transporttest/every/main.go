package every

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Main is for TestMain of a package whose tests reach their servers by [Over]: it runs all tests, over the pipe, and then
// those that called Over once more over each other way; with the flag -over, all tests over that way only. It fails if a
// goroutine is left in the end, and exits.
func Main(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(everyWay{m})
}

var only = flag.String("over", "", "run the tests over this transport only, such as tcp")

type everyWay struct{ m *testing.M }

// Run runs the tests.
func (e everyWay) Run() int {
	if *only != "" {
		i := slices.IndexFunc(Ways, func(w Way) bool { return w.Name == *only })
		if i < 0 {
			fmt.Fprintf(os.Stderr, "every: -over: there is no transport %q\n", *only)
			return 1
		}
		current = Ways[i]
	}
	code := e.m.Run()
	names := tests()
	if code != 0 || len(names) == 0 || *only != "" {
		return code
	}
	for name, value := range map[string]string{"test.run": "^(" + strings.Join(names, "|") + ")$", "test.bench": "", "test.fuzz": ""} {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, "every:", err)
			return 1
		}
	}
	for _, way := range Ways[1:] {
		current = way
		fmt.Println("over", way.Name+":")
		if code := e.m.Run(); code != 0 {
			return code
		}
	}
	return 0
}

var (
	current = Ways[0] // changed between runs

	mu    sync.Mutex
	using = map[string]struct{}{} // the tests that called Over
)

func tests() []string {
	mu.Lock()
	defer mu.Unlock()
	return slices.Sorted(maps.Keys(using))
}

// Over gives the transport to a, for the principal of ctx if it has one, by the way that the tests run over now.
func Over(t testing.TB, ctx context.Context, a rpc.Acceptor) rpc.Transport {
	t.Helper()
	name, _, _ := strings.Cut(t.Name(), "/")
	if strings.HasPrefix(name, "Test") {
		mu.Lock()
		using[regexp.QuoteMeta(name)] = struct{}{}
		mu.Unlock()
	}
	return current.Connect(t, ctx, a)
}

// Not skips a test on ways, named, on which what it shows does not hold for a reason, which it must give.
func Not(t testing.TB, reason string, ways ...string) {
	t.Helper()
	if slices.Contains(ways, current.Name) {
		t.Skip("not over " + current.Name + ": " + reason)
	}
}

// Now gives the name of the way that the tests run over now.
func Now() string { return current.Name }
