// Package rpc runs conversations between two JSON-RPC 2.0 peers, in either role, as the Model Context Protocol has them
// (specification 2025-11-25: basic, lifecycle, utilities/cancellation, progress, ping). It knows no message of the
// protocol beyond the few words it needs for that; those are generated, against the names in this package.
//
// A [Session] owns the requests in flight in both directions. It is passive: a transport feeds it what arrives with
// [Session.Receive] and gives it a [Stream] for what goes out. What arrives is handled by a [Dispatch]: a [Table] of
// rows made from method expressions, bound once to a handler value, behind any number of [Interceptor]s.
//
//	var table = rpc.NewTable(rpc.Request("tools/call", ToolsHandler.CallTool))
//
//	s := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(table, handler)})
//	conn := rpc.NewLineConn(os.Stdin, os.Stdout, rpc.LineLimits{})
//	s.Attach(rpc.Link{Stream: conn})
//	err := conn.Run(ctx, s)
//
// # What arrives
//
// A request runs on a goroutine of its own, under a context with the values of Receive's context that ends when the
// request does: when its handler returned, when the peer cancelled it (its cause matches [ErrCancelled]; no response is
// sent then), or when the session closed ([ErrClosed]). What the handler sends under this context goes to the stream
// that came with the request. Requests that arrive while an initialize request is being handled wait for its answer,
// all but ping, so that a peer may send them ahead. Notifications are handled one after another in order, on a
// goroutine that exists while there are any; their handlers may call the peer. Cancellations, responses, and progress
// for our own calls are handled as they are received, and never wait for a handler.
//
// What is not a message is refused and the session goes on: bad JSON is answered with -32700 and no id; what is JSON
// but no message with -32600, under its id if that can be read; params of the wrong shape with -32602 and the JSON
// pointer of the place, which is in the data too: {"pointer": "/params/name", "expected": "a string"}. A response
// that is refused fails the call that waits for it. Nothing is ever sent in return for a response or a notification.
//
// A handler that panics is an internal error (-32603) for that request; the stack goes to the log and everything else
// lives. So it is with a result that does not validate, or cannot be encoded.
//
// # What is sent
//
// [Session.Call] and [Session.Notify] validate params before they are sent. When the caller's context ends, Call
// returns at once and the peer is sent a cancellation, except for initialize. Progress is asked for with
// [WithProgress]. Every error is an *[Error] with a code ([CodeOf]) and wraps its cause.
//
// # Limits
//
// [Limits] bounds a session and [LineLimits] a connection of lines; zero fields mean the defaults, negative ones no
// limit.
//
//	Limits.InFlight             2,048     requests running          refused with -32010 and {"retryAfter": seconds}
//	Limits.InFlightBytes        256 MiB   of their params           the same
//	Limits.Notifications        1,024     notifications waiting     dropped, counted, logged
//	Limits.NotificationBytes    32 MiB    of their params           the same
//	Limits.Pending              2,048     calls waiting             the call fails with -32010
//	Limits.Progress             256       reports waiting per call  the newest replaces the one before
//	Limits.Batch                1,000     messages in a batch       refused with -32600
//	Limits.Depth                512       nesting                   refused with -32600
//	LineLimits.Message          16 MiB    a message, either way     refused with -32600, or not sent
//	LineLimits.QueueMessages    1,024     messages to be written    senders wait, at most WriteTime
//	LineLimits.QueueBytes       32 MiB    of these                  the same
//	LineLimits.WriteTime        30 s      nothing taken off         the session fails
//	LineLimits.DrainTime        10 s      answering after the end of the input
//	LineLimits.EndTime          1 s       handlers returning, and writing what is queued, once closed
package rpc
