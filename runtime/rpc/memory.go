package rpc

import (
	"context"
	"sync"
)

// Memory is how many bytes several connections may hold together of large messages that have not arrived whole. Who wants
// more waits in line, and its peer with it. It is safe for concurrent use.
type Memory struct {
	size int64

	mu      sync.Mutex
	free    int64
	waiting []*memoryWait // first come, first served
}

type memoryWait struct {
	n    int64
	done chan struct{} // closed when it has what it waits for
}

// NewMemory makes a Memory of so many bytes.
func NewMemory(bytes int64) *Memory { return &Memory{size: bytes, free: bytes} }

// Reserve takes n bytes, all there are if n is more than that, and tells how many it took, to be given to Release. It
// waits until they are free; the error is that of ctx, and nothing was taken then.
func (m *Memory) Reserve(ctx context.Context, n int64) (int64, error) {
	n = min(n, m.size)
	m.mu.Lock()
	if len(m.waiting) == 0 && n <= m.free {
		m.free -= n
		m.mu.Unlock()
		return n, nil
	}
	w := &memoryWait{n, make(chan struct{})}
	m.waiting = append(m.waiting, w)
	m.mu.Unlock()
	select {
	case <-w.done:
		return n, nil
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.waiting {
		if m.waiting[i] == w {
			m.waiting = append(m.waiting[:i], m.waiting[i+1:]...)
			m.serve() // it may have stood in the way of smaller ones
			return 0, ctx.Err()
		}
	}
	return n, nil // it was served at the last moment
}

// Release gives n bytes back.
func (m *Memory) Release(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free += n
	m.serve()
}

// serve gives the first in line what they wait for. Under mu.
func (m *Memory) serve() {
	for len(m.waiting) > 0 && m.waiting[0].n <= m.free {
		m.free -= m.waiting[0].n
		close(m.waiting[0].done)
		m.waiting[0] = nil
		m.waiting = m.waiting[1:]
	}
}

// Held tells how many bytes are taken now.
func (m *Memory) Held() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.size - m.free
}
