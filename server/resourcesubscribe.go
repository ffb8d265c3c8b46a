package server

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Subscriptions makes the server declare that clients can subscribe to resources, and be told with
// [Server.ResourceUpdated] when they change (specification 2025-11-25, server/resources, "Subscriptions"). Default: not
// declared, unless a resource or template has [OnSubscribe] or a file tree has [TreeWatch].
func Subscriptions() Option { return func(c *config) { c.subscriptions = true } }

// ResourceUpdated tells the sessions that subscribed to the resource at uri that it changed, and those that subscribed to
// a resource it is part of, such as the folder of a file. It does not wait for them: an update that a slow client has not
// been sent yet is sent once, however often it is repeated. Sessions of servers that s is mounted under are told too.
func (s *Server) ResourceUpdated(uri string, partOf ...string) { s.resources.updated(uri, partOf) }

func (f *resourceFeature) updated(uri string, partOf []string) {
	f.subs.updated(uri, partOf)
	for _, p := range f.mountedUnder() {
		p.updated(uri, partOf)
	}
}

// subscribe makes f, and what it is mounted under, declare subscriptions from now on.
func (f *resourceFeature) subscribe() {
	f.subscribable.Store(true)
	for _, p := range f.mountedUnder() {
		p.subscribe()
	}
}

func (f *resourceFeature) mountedUnder() []*resourceFeature {
	f.subs.mu.Lock()
	defer f.subs.mu.Unlock()
	return slices.Clone(f.parents)
}

// subscriptions are those of all sessions of a server.
type subscriptions struct {
	maxUpdates int

	mu        sync.Mutex
	byURI     map[string]map[*subscriber]struct{}
	bySession map[*sessionState]*subscriber
}

// subscriber is a session with subscriptions. It is there from the first to the end of the session.
type subscriber struct {
	session *rpc.Session
	uris    map[string]*subscription
	pending []update            // not yet sent, in order
	known   map[string]struct{} // the URIs in pending
	sending bool                // a goroutine sends them
}

type subscription struct{ stop func() }

// update is a change at a URI, told because of a subscription to the same or another.
type update struct{ uri, because string }

// add subscribes a session. It is false with a nil subscription if the session has subscribed already, with an error if it
// has too many.
func (s *subscriptions) add(st *sessionState, uri string, most int) (*subscription, error) {
	s.mu.Lock()
	sub := s.bySession[st]
	first := sub == nil
	if first {
		if s.bySession == nil {
			s.bySession = map[*sessionState]*subscriber{}
			s.byURI = map[string]map[*subscriber]struct{}{}
		}
		sub = &subscriber{session: st.session, uris: map[string]*subscription{}, known: map[string]struct{}{}}
		s.bySession[st] = sub
	}
	var added *subscription
	var err error
	switch {
	case sub.uris[uri] != nil:
	case len(sub.uris) >= most:
		err = rpc.Errorf(mcp.CodeInvalidRequest, "too many subscriptions: this session has %d, expected at most that; unsubscribe from others first", len(sub.uris))
	default:
		added = &subscription{}
		sub.uris[uri] = added
		if s.byURI[uri] == nil {
			s.byURI[uri] = map[*subscriber]struct{}{}
		}
		s.byURI[uri][sub] = struct{}{}
	}
	s.mu.Unlock()
	if first {
		st.onEnd(func() { s.end(st) })
	}
	return added, err
}

// keep notes how to end a subscription, and does so at once if it is over.
func (s *subscriptions) keep(st *sessionState, uri string, added *subscription, stop func()) {
	s.mu.Lock()
	if sub := s.bySession[st]; sub != nil && sub.uris[uri] == added {
		added.stop, stop = stop, nil
	}
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// remove ends a subscription: whichever the session has if only is nil.
func (s *subscriptions) remove(st *sessionState, uri string, only *subscription) {
	s.mu.Lock()
	var stop func()
	if sub := s.bySession[st]; sub != nil {
		if old := sub.uris[uri]; old != nil && (only == nil || only == old) {
			stop = old.stop
			s.drop(sub, uri)
		}
	}
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
}

func (s *subscriptions) drop(sub *subscriber, uri string) {
	delete(sub.uris, uri)
	delete(s.byURI[uri], sub)
	if len(s.byURI[uri]) == 0 {
		delete(s.byURI, uri)
	}
}

// end ends all subscriptions of a session that has ended.
func (s *subscriptions) end(st *sessionState) {
	s.mu.Lock()
	sub := s.bySession[st]
	delete(s.bySession, st)
	var stops []func()
	for uri, old := range sub.uris {
		if old.stop != nil {
			stops = append(stops, old.stop)
		}
		s.drop(sub, uri)
	}
	sub.pending = nil
	s.mu.Unlock()
	for _, stop := range stops {
		guard(sub.session.Logger(), "what OnSubscribe returned", stop)
	}
}

func (s *subscriptions) updated(uri string, partOf []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.byURI[uri] {
		s.queue(sub, update{uri, uri})
	}
	for _, whole := range partOf {
		for sub := range s.byURI[whole] {
			s.queue(sub, update{uri, whole})
		}
	}
}

// queue leaves an update to the goroutine of a session, which exists while there are any.
func (s *subscriptions) queue(sub *subscriber, u update) {
	if len(sub.pending) >= s.maxUpdates {
		u.uri = u.because
	}
	if _, ok := sub.known[u.uri]; ok {
		return
	}
	sub.known[u.uri] = struct{}{}
	sub.pending = append(sub.pending, u)
	if !sub.sending {
		sub.sending = true
		go s.send(sub)
	}
}

func (s *subscriptions) send(sub *subscriber) {
	for {
		s.mu.Lock()
		if len(sub.pending) == 0 {
			sub.sending, sub.pending = false, nil
			s.mu.Unlock()
			return
		}
		u := sub.pending[0]
		sub.pending = sub.pending[1:]
		delete(sub.known, u.uri)
		wanted := sub.uris[u.because] != nil
		s.mu.Unlock()
		if !wanted {
			continue
		}
		client := mcp.ClientStub{Caller: sub.session}
		if err := client.ResourceUpdated(sub.session.Context(), &mcp.ResourceUpdatedParams{URI: u.uri}); err != nil {
			sub.session.Logger().Debug("server: a notification could not be sent", "method", mcp.MethodResourceUpdated, "uri", u.uri, "error", err)
		}
	}
}

var _ mcp.ResourceSubscriptionsHandler = handler{}

// Subscribe notes that a session wants to know when a resource changes. Subscribing again changes nothing.
func (h handler) Subscribe(ctx context.Context, params *mcp.SubscribeParams) (*mcp.EmptyResult, error) {
	uri := params.URI
	_, watch, err := h.resources.find(ctx, uri)
	if err != nil {
		return nil, err
	}
	st, subs := stateFrom(ctx), &h.resources.subs
	added, err := subs.add(st, uri, h.resources.limits.Subscriptions)
	if err != nil || added == nil || watch == nil {
		return nil, err
	}
	subscribed := false
	defer func() {
		if !subscribed { // refused, or watch panicked
			subs.remove(st, uri, added)
		}
	}()
	stop, err := watch(ctx, uri)
	if err != nil {
		if errors.Is(err, ErrResourceNotFound) {
			return nil, resourceNotFound(uri, err)
		}
		return nil, handlerError(err)
	}
	subscribed = true
	if stop != nil {
		subs.keep(st, uri, added, stop)
	}
	return nil, nil
}

// Unsubscribe undoes Subscribe. It is no error if there is nothing to undo.
func (h handler) Unsubscribe(ctx context.Context, params *mcp.UnsubscribeParams) (*mcp.EmptyResult, error) {
	h.resources.subs.remove(stateFrom(ctx), params.URI, nil)
	return nil, nil
}
