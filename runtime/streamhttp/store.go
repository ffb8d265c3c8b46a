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

// MemoryLimits bounds a [MemoryStore]. A zero field means its default; a negative one means no limit. Beyond a limit the
// oldest events go.
type MemoryLimits struct {
	// Bytes is how many bytes of events are kept, of all sessions; default 256 MiB.
	Bytes int
	// SessionBytes is how many bytes of events are kept of a session; default 32 MiB.
	SessionBytes int
	// Events is how many events are kept, of all sessions; default 262,144. One takes some 200 bytes besides its own.
	Events int
	// Age is how long an event is kept; default 5 minutes. What is too old goes when the store is next used.
	Age time.Duration
}

const (
	defaultStoreBytes        = 256 << 20
	defaultStoreSessionBytes = 32 << 20
	defaultStoreEvents       = 256 << 10
	defaultStoreAge          = 5 * time.Minute
)

// MemoryStore is the default [EventStore]: in memory, bounded, and without a goroutine.
type MemoryStore struct {
	limits MemoryLimits

	mu       sync.Mutex
	sessions map[string]*storedSession
	all      queue // of the events of all sessions
	bytes    int   // of events that are kept
	events   int
	dropped  int64
}

var _ EventStore = (*MemoryStore)(nil)

// storedSession is what is kept of a session.
type storedSession struct {
	id       string
	streams  []*storedStream          // while they are few
	byNumber map[uint64]*storedStream // nil while they are few
	own      queue                    // of its events
	bytes    int
}

// mostFew is how many streams are looked through for one.
const mostFew = 8

// stream finds a stream, nil if nothing is kept of it.
func (ss *storedSession) stream(number uint64) *storedStream {
	if ss.byNumber != nil {
		return ss.byNumber[number]
	}
	for _, s := range ss.streams {
		if s.number == number {
			return s
		}
	}
	return nil
}

func (ss *storedSession) add(s *storedStream) {
	if ss.byNumber == nil && len(ss.streams) < mostFew {
		ss.streams = append(ss.streams, s)
		return
	}
	if ss.byNumber == nil {
		ss.byNumber = make(map[uint64]*storedStream, 2*mostFew)
		for _, s := range ss.streams {
			ss.byNumber[s.number] = s
		}
		ss.streams = nil
	}
	ss.byNumber[s.number] = s
}

func (ss *storedSession) remove(s *storedStream) {
	delete(ss.byNumber, s.number)
	ss.streams = slices.DeleteFunc(ss.streams, func(x *storedStream) bool { return x == s })
}

func (ss *storedSession) empty() bool { return len(ss.streams) == 0 && len(ss.byNumber) == 0 }

func (ss *storedSession) each(f func(*storedStream)) {
	for _, s := range ss.streams {
		f(s)
	}
	for _, s := range ss.byNumber {
		f(s)
	}
}

type storedStream struct {
	number uint64
	events []*storedEvent
}

// storedEvent is an event, which is in three places: its stream, the queue of its session, and that of all.
type storedEvent struct {
	Event
	session *storedSession
	stream  *storedStream
	at      time.Time
	gone    bool // it is in its stream no more
}

// queue is events, oldest first; those that are gone may still be in it.
type queue struct {
	events []*storedEvent
	head   int
}

// oldest gives the oldest event that is not gone, nil if there is none.
func (q *queue) oldest() *storedEvent {
	for ; q.head < len(q.events); q.head++ {
		if e := q.events[q.head]; !e.gone {
			return e
		}
		q.events[q.head] = nil
	}
	q.events, q.head = q.events[:0], 0
	return nil
}

// tidy frees what is gone once it is more than half, of which kept are not.
func (q *queue) tidy(kept int) {
	if q.head <= len(q.events)/2 && len(q.events)-q.head <= 2*kept+1024 {
		return
	}
	left := slices.DeleteFunc(q.events[q.head:], func(e *storedEvent) bool { return e.gone })
	n := copy(q.events, left)
	clear(q.events[n:])
	q.events, q.head = q.events[:n], 0
}

// NewMemoryStore makes an empty store.
func NewMemoryStore(l MemoryLimits) *MemoryStore {
	l.Bytes = limit(l.Bytes, defaultStoreBytes)
	l.SessionBytes = limit(l.SessionBytes, defaultStoreSessionBytes)
	l.Events = limit(l.Events, defaultStoreEvents)
	l.Age = limitTime(l.Age, defaultStoreAge)
	return &MemoryStore{limits: l, sessions: map[string]*storedSession{}}
}

// MemoryStats are counters of a [MemoryStore].
type MemoryStats struct {
	// Sessions, Events and Bytes are how many there are now.
	Sessions, Events, Bytes int
	// Dropped is how many events went because of a limit.
	Dropped int64
}

// Stats gives the store's counters.
func (m *MemoryStore) Stats() MemoryStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return MemoryStats{Sessions: len(m.sessions), Events: m.events, Bytes: m.bytes, Dropped: m.dropped}
}

// Append keeps a copy of e.
func (m *MemoryStore) Append(_ context.Context, session string, stream uint64, e Event) error {
	e.Data = slices.Clone(e.Data)
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	ss := m.sessions[session]
	if ss == nil {
		ss = &storedSession{id: session}
		m.sessions[session] = ss
	}
	s := ss.stream(stream)
	if s == nil {
		s = &storedStream{number: stream}
		ss.add(s)
	}
	kept := &storedEvent{Event: e, session: ss, stream: s, at: now}
	s.events = append(s.events, kept)
	ss.own.events = append(ss.own.events, kept)
	m.all.events = append(m.all.events, kept)
	ss.bytes += len(e.Data)
	m.bytes += len(e.Data)
	m.events++
	for ss.bytes > m.limits.SessionBytes {
		m.drop(ss.own.oldest())
	}
	m.evict(now)
	return nil
}

// evict drops what is over the limits of all sessions.
func (m *MemoryStore) evict(now time.Time) {
	for o := m.all.oldest(); o != nil; o = m.all.oldest() {
		if m.bytes <= m.limits.Bytes && m.events <= m.limits.Events && now.Sub(o.at) <= m.limits.Age {
			break
		}
		m.drop(o)
	}
	m.all.tidy(m.events)
}

// drop drops an event, which is the oldest of its session and so the first of its stream.
func (m *MemoryStore) drop(e *storedEvent) {
	s, ss := e.stream, e.session
	e.gone = true
	m.bytes -= len(e.Data)
	ss.bytes -= len(e.Data)
	m.events--
	m.dropped++
	s.events[0] = nil
	s.events = s.events[1:]
	if len(s.events) == 0 {
		ss.remove(s) // a later event of this stream begins it anew
	}
	if ss.empty() {
		delete(m.sessions, ss.id)
		return
	}
	ss.own.oldest() // lets go of it
	ss.own.tidy(len(ss.own.events))
}

// After gives the events kept.
func (m *MemoryStore) After(_ context.Context, session string, stream uint64, seq uint64) ([]Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.evict(time.Now())
	ss := m.sessions[session]
	if ss == nil {
		return nil, nil
	}
	s := ss.stream(stream)
	if s == nil {
		return nil, nil
	}
	kept := s.events
	if kept[0].Seq > seq+1 {
		return nil, ErrEventsGone
	}
	i, _ := slices.BinarySearchFunc(kept, seq+1, func(e *storedEvent, seq uint64) int { return cmp.Compare(e.Seq, seq) })
	events := make([]Event, 0, len(kept)-i)
	for _, e := range kept[i:] {
		events = append(events, e.Event)
	}
	return events, nil
}

// Forget drops a session's events.
func (m *MemoryStore) Forget(session string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ss := m.sessions[session]
	if ss == nil {
		return
	}
	ss.each(func(s *storedStream) {
		for _, e := range s.events {
			*e = storedEvent{gone: true} // it may stay in the queue of all for a while
		}
		m.events -= len(s.events)
	})
	m.bytes -= ss.bytes
	delete(m.sessions, session)
	m.evict(time.Now())
}
