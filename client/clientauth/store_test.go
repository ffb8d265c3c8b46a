package clientauth

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// addVar in the environment makes the test binary a process that adds to a number in the store with that folder.
const addVar, addTimes = "CLIENTAUTH_TEST_ADD", 30

func holdLock() bool {
	folder := os.Getenv(addVar)
	if folder == "" {
		return false
	}
	for range addTimes {
		if err := add(FileStore(folder)); err != nil {
			panic(err)
		}
	}
	return true
}

// add adds 1 to the number in a store.
func add(s Store) error {
	return s.Update(context.Background(), "n", func(old []byte) ([]byte, error) {
		n, _ := strconv.Atoi(string(old))
		return strconv.AppendInt(nil, int64(n)+1, 10), nil
	})
}

// TestFileStoreBetweenProcesses has processes that would lose each other's updates without the lock.
func TestFileStoreBetweenProcesses(t *testing.T) {
	folder := t.TempDir()
	const processes = 3
	var all []*exec.Cmd
	for range processes {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), addVar+"="+folder)
		require.NoError(t, cmd.Start())
		all = append(all, cmd)
	}
	for range addTimes {
		require.NoError(t, add(FileStore(folder)))
	}
	for _, cmd := range all {
		require.NoError(t, cmd.Wait())
	}
	got, err := FileStore(folder).Load(t.Context(), "n")
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa((processes+1)*addTimes), string(got))
}

func TestFileStoreFiles(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	s := FileStore(folder)
	got, err := s.Load(t.Context(), "k")
	require.NoError(t, err)
	require.Nil(t, got)
	set := func(to []byte, fail error) error {
		return s.Update(t.Context(), "k", func([]byte) ([]byte, error) { return to, fail })
	}
	require.NoError(t, set([]byte("one"), nil))
	require.EqualError(t, set([]byte("two"), errors.New("not now")), "not now")
	got, err = s.Load(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "one", string(got))
	if runtime.GOOS != "windows" {
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		require.NoError(t, err)
		require.Len(t, files, 2) // and its lock
		for _, f := range append(files, folder) {
			info, err := os.Stat(f)
			require.NoError(t, err)
			require.Zero(t, info.Mode().Perm()&0o077, "%s has the mode %v", f, info.Mode())
		}
	}
	require.NoError(t, set(nil, nil))
	require.NoError(t, set(nil, nil))
	got, err = s.Load(t.Context(), "k")
	require.NoError(t, err)
	require.Nil(t, got)
}

func TestUpdateWaits(t *testing.T) {
	for name, s := range map[string]Store{"memory": MemoryStore(), "file": FileStore(t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			in, out, done := make(chan bool), make(chan bool), make(chan error, 1)
			go func() {
				done <- s.Update(context.Background(), "k", func([]byte) ([]byte, error) {
					close(in)
					<-out
					return []byte("first"), nil
				})
			}()
			<-in
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			err := s.Update(ctx, "k", func([]byte) ([]byte, error) { return nil, errors.New("not alone") })
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NoError(t, s.Update(t.Context(), "other", func([]byte) ([]byte, error) { return nil, nil }))
			close(out)
			require.NoError(t, <-done)
			require.NoError(t, s.Update(t.Context(), "k", func(old []byte) ([]byte, error) {
				require.Equal(t, "first", string(old))
				return old, nil
			}))
		})
	}
}
