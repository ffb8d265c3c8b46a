package clientauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// FileStore gives a store in a folder, one file for each key, which only the user can read (mode 0600, the folder 0700;
// Windows has its own rules). A file is replaced as a whole or not at all, and while it is updated a lock file beside it
// keeps other processes out. The folder is made when something is kept. The files are not encrypted.
func FileStore(folder string) Store { return fileStore(folder) }

type fileStore string

// file gives the path of the file of a key.
func (s fileStore) file(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(string(s), hex.EncodeToString(sum[:16])+".json")
}

func (s fileStore) Load(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(s.file(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (s fileStore) Update(ctx context.Context, key string, f func([]byte) ([]byte, error)) (err error) {
	if err := os.MkdirAll(string(s), 0o700); err != nil {
		return err
	}
	name := s.file(key)
	unlock, err := lockFile(ctx, name+".lock")
	if err != nil {
		return fmt.Errorf("clientauth: the lock of the store: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	old, err := s.Load(ctx, key)
	if err != nil {
		return err
	}
	data, err := f(old)
	if err != nil {
		return err
	}
	if data == nil {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return replaceFile(name, data)
}

// replaceFile writes a file as a whole or not at all.
func replaceFile(name string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.new") // its mode is 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// lockFile waits for the lock of a file, which it makes, and takes it. Locks end with the process that holds them.
func lockFile(ctx context.Context, name string) (unlock func() error, err error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	const pause = 20 * time.Millisecond // neither system tells when a lock becomes free and obeys a context
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), f.Close())
		case <-timer.C:
		}
		taken, err := tryLock(f)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if taken {
			return f.Close, nil // which gives the lock back
		}
		timer.Reset(pause)
	}
}
