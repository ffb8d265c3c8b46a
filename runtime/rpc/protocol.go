package rpc

// The runtime's own protocol words: methods and members that JSON-RPC peers of this protocol need in order to
// run a session at all, whatever revision they speak. Everything else is generated; this package must not import it.
const (
	methodInitialize  = "initialize"                // opens a session; later requests wait for it, and it is never cancelled
	methodInitialized = "notifications/initialized" // the client is ready
	methodCancelled   = "notifications/cancelled"   // ends a request in flight
	methodProgress    = "notifications/progress"    // reports on a request in flight
	methodPing        = "ping"                      // answered by the session when the handler does not

	memberMeta      = "_meta"         // in params: where the progress token goes
	memberToken     = "progressToken" // in _meta and in progress params
	memberRequestID = "requestId"     // in cancelled params
	memberReason    = "reason"        // in cancelled params
)

// IsInitialize reports whether m is the request that opens a session.
func IsInitialize(m *Message) bool { return m.Kind == KindRequest && m.Method == methodInitialize }

// IsInitialized reports whether m is the notification by which a client says that it is ready.
func IsInitialized(m *Message) bool {
	return m.Kind == KindNotification && m.Method == methodInitialized
}

// CancelledID gives the id of the request that m, a notification, cancels; false if m is no cancellation.
func CancelledID(m *Message) (ID, bool) {
	if m.Kind != KindNotification || m.Method != methodCancelled {
		return ID{}, false
	}
	var p cancelParams
	if err := m.Raw().Decode(&p); err != nil {
		return ID{}, false
	}
	return p.id, true
}
