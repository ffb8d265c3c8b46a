package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The programs run as their comments say, as processes.

type programs struct{ dir string }

func build(t *testing.T) programs {
	t.Helper()
	dir := t.TempDir()
	text, err := exec.Command("go", "build", "-o", dir+string(os.PathSeparator), "..", ".").CombinedOutput()
	require.NoError(t, err, "%s", text)
	return programs{dir}
}

// serve starts the server, and gives where it listens and what kills it.
func (p programs) serve(t *testing.T, args ...string) (url string, kill func()) {
	t.Helper()
	cmd := exec.Command(filepath.Join(p.dir, "tasks"), append([]string{"-http", "127.0.0.1:0"}, args...)...)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(kill)
	lines := bufio.NewScanner(stderr)
	require.True(t, lines.Scan())
	url, ok := strings.CutPrefix(lines.Text(), "tasks: serving ")
	require.True(t, ok, lines.Text())
	return url, kill
}

// client runs the client and gives what it printed.
func (p programs) client(t *testing.T, url string, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(p.dir, "client"), append([]string{"-url", url}, args...)...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

func TestTheExamples(t *testing.T) {
	p := build(t)
	url, _ := p.serve(t)

	t.Run("a long job that is cancelled", func(t *testing.T) {
		said := p.client(t, url, "cancel")
		require.Contains(t, said, "for the model meanwhile: The report is being written.\n")
		require.Contains(t, said, "\nworking: writing page ")
		require.True(t, strings.HasSuffix(said, "\ncancelled"), said)
	})
	t.Run("one that asks a question midway", func(t *testing.T) {
		require.Equal(t, "booked: Rome, window seat", p.client(t, url, "ask"))
	})
	t.Run("one that outlives its client", func(t *testing.T) {
		id := p.client(t, url, "start")
		require.Equal(t, "a report of 10 pages", p.client(t, url, "wait", id))
		require.Equal(t, "a report of 10 pages", p.client(t, url, "wait", id), "and again")
	})
	t.Run("and its server", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "tasks.db")
		url, kill := p.serve(t, "-store", file)
		id := p.client(t, url, "start")
		kill()
		url, _ = p.serve(t, "-store", file)
		require.Equal(t, "a report of 10 pages", p.client(t, url, "wait", id))
	})
}

func TestAnUnknownCommand(t *testing.T) {
	p := build(t)
	url, _ := p.serve(t)
	text, err := exec.Command(filepath.Join(p.dir, "client"), "-url", url, "sing").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(text), `unknown command "sing": expected cancel, ask, start or wait`)
}
