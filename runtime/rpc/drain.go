package rpc

import "github.com/tenonmcp/tenon/runtime/wire"

// Drain has every request that arrives from now on refused with CodeBusy. Requests in flight go on, and what they send
// and ask the peer for passes as before: what a transport does before it ends a connection politely, see
// [Session.Wait].
func (s *Session) Drain() { s.update(func(st *state) { st.draining = true }) }

// errDraining refuses a request because the session is about to end.
var errDraining = &Error{
	Code:    CodeBusy,
	Message: "shutting down, nothing was done: connect again later",
	Data:    wire.MustRaw(`{"retryAfter":5}`),
}
