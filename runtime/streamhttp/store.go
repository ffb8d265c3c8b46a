package streamhttp

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrEventsGone is what [EventStore.After] returns if not all events after the given one are kept (any more).
var ErrEventsGone = errors.New("the events are no longer kept")

// Event is a message as it was sent on a stream.
type Event struct {
	// Seq is its number in the stream, from 1 on.
	Seq uint64
	// Data is the message as JSON.
	Data []byte
}

// EventStore keeps the events of streams, so that a client which lost its connection can have them again. It is safe for
// concurrent use. A stream is named by its session's id and its number in the session.
type EventStore interface {
	// Append keeps an event, whose Data is valid only during the call. The events of a stream come in order. After an
	// error the event goes to the client without an id.
	Append(ctx context.Context, session string, stream uint64, e Event) error
	// After gives the events of a stream with numbers over seq, in order and without a gap, none if there are none. It
	// is ErrEventsGone if some of them are not kept any more, as far as the store can know. The Data must not be changed.
	After(ctx context.Context, session string, stream uint64, seq uint64) ([]Event, error)
	// Forget is called when a session has ended: its events will not be asked for any more.
	Forget(session string)
}

// MemoryLimits bounds a [MemoryStore], over all sessions. A zero field means its default; a negative one means no limit.
// Beyond a limit the oldest events go.
type MemoryLimits struct {
	// Bytes is how many bytes of events are kept; default 64 MiB.
	Bytes int
	// Events is how many events are kept; default 65,536.
	Events int
	// Age is how long an event is kept; default 5 minutes. What is too old goes when the store is next used.
	Age time.Duration
}

const (
	defaultStoreBytes  = 64 << 20
	defaultStoreEvents = 64 << 10
	defaultStoreAge    = 5 * time.Minute
)

// MemoryStore is the default [EventStore]: in memory, bounded, and without a goroutine.
type MemoryStore struct {
	limits MemoryLimits

	mu       sync.Mutex
	sessions map[string]map[uint64]*storedStream
	order    []storedEvent // oldest first, from head on; those of forgotten streams are still in it
	head     int
	bytes    int // of events that are kept
	events   int
}

var _ EventStore = (*MemoryStore)(nil)

type storedStream struct {
	events []Event
	gone   bool // the session was forgotten
}

type storedEvent struct {
	session string
	number  uint64
	stream  *storedStream
	at      time.Time
}

// NewMemoryStore makes an empty store.
func NewMemoryStore(l MemoryLimits) *MemoryStore {
	l.Bytes = limit(l.Bytes, defaultStoreBytes)
	l.Events = limit(l.Events, defaultStoreEvents)
	l.Age = limitTime(l.Age, defaultStoreAge)
	return &MemoryStore{limits: l, sessions: map[string]map[uint64]*storedStream{}}
}

// Append keeps a copy of e.
func (m *MemoryStore) Append(_ context.Context, session string, stream uint64, e Event) error {
	e.Data = slices.Clone(e.Data)
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	streams := m.sessions[session]
	if streams == nil {
		streams = map[uint64]*storedStream{}
		m.sessions[session] = streams
	}
	s := streams[stream]
	if s == nil {
		s = new(storedStream)
		streams[stream] = s
	}
	s.events = append(s.events, e)
	m.order = append(m.order, storedEvent{session, stream, s, now})
	m.bytes += len(e.Data)
	m.events++
	m.evict(now)
	return nil
}

// evict drops what is over the limits.
func (m *MemoryStore) evict(now time.Time) {
	for m.head < len(m.order) {
		o := &m.order[m.head]
		if !o.stream.gone {
			if m.bytes <= m.limits.Bytes && m.events <= m.limits.Events && now.Sub(o.at) <= m.limits.Age {
				break
			}
			m.dropOldest(o)
		}
		*o = storedEvent{}
		m.head++
	}
	if m.head > len(m.order)/2 || len(m.order)-m.head > 2*m.events+1024 {
		kept := slices.DeleteFunc(m.order[m.head:], func(o storedEvent) bool { return o.stream.gone })
		n := copy(m.order, kept)
		clear(m.order[n:])
		m.order, m.head = m.order[:n], 0
	}
}

// dropOldest drops the first event of o's stream.
func (m *MemoryStore) dropOldest(o *storedEvent) {
	s := o.stream
	m.bytes -= len(s.events[0].Data)
	m.events--
	s.events[0] = Event{}
	s.events = s.events[1:]
	if len(s.events) > 0 {
		return
	}
	s.gone = true // a later event of this stream begins it anew
	streams := m.sessions[o.session]
	delete(streams, o.number)
	if len(streams) == 0 {
		delete(m.sessions, o.session)
	}
}

// After gives the events kept.
func (m *MemoryStore) After(_ context.Context, session string, stream uint64, seq uint64) ([]Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.evict(time.Now())
	s := m.sessions[session][stream]
	if s == nil {
		return nil, nil
	}
	if s.events[0].Seq > seq+1 {
		return nil, ErrEventsGone
	}
	i, _ := slices.BinarySearchFunc(s.events, seq+1, func(e Event, seq uint64) int { return cmp.Compare(e.Seq, seq) })
	return slices.Clone(s.events[i:]), nil
}

// Forget drops a session's events.
func (m *MemoryStore) Forget(session string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions[session] {
		for _, e := range s.events {
			m.bytes -= len(e.Data)
		}
		m.events -= len(s.events)
		s.events, s.gone = nil, true
	}
	delete(m.sessions, session)
	m.evict(time.Now())
}
