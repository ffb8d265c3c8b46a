package clientauth

import (
	"bytes"
	"context"
	"sync"
)

// Store keeps tokens and client registrations, under keys that this package makes. What it keeps is secret. It is for one
// user of one application: whoever shares it shares the tokens. Implementations are safe for concurrent use.
type Store interface {
	// Load gives what is kept under a key; nil if nothing is.
	Load(ctx context.Context, key string) ([]byte, error)
	// Update gives f what is kept under a key, nil if nothing is, and keeps what f returns instead; nothing if that is nil.
	// No other Update of the key runs meanwhile, in this process or another that has the same store. f may take as long
	// as a request to an authorization server. If f fails, Update returns its error and changes nothing.
	Update(ctx context.Context, key string, f func(old []byte) ([]byte, error)) error
}

// MemoryStore gives a store that lives as long as the process. It is the default.
func MemoryStore() Store { return &memoryStore{entries: map[string]*memoryEntry{}} }

type memoryStore struct {
	mu      sync.Mutex
	entries map[string]*memoryEntry
}

// memoryEntry is what is kept under a key.
type memoryEntry struct {
	turn chan struct{} // holds a value while nobody updates
	mu   sync.Mutex
	data []byte
}

func (s *memoryStore) entry(key string) *memoryEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e == nil {
		e = &memoryEntry{turn: make(chan struct{}, 1)}
		e.turn <- struct{}{}
		s.entries[key] = e
	}
	return e
}

func (e *memoryEntry) get() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return bytes.Clone(e.data)
}

func (s *memoryStore) Load(ctx context.Context, key string) ([]byte, error) {
	return s.entry(key).get(), ctx.Err()
}

func (s *memoryStore) Update(ctx context.Context, key string, f func([]byte) ([]byte, error)) error {
	e := s.entry(key)
	select {
	case <-e.turn:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { e.turn <- struct{}{} }()
	data, err := f(e.get())
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.data = bytes.Clone(data)
	return nil
}
