package rpc

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Codes of JSON-RPC 2.0 itself. Those of the protocol are generated.
const (
	CodeParseError     int64 = -32700 // the text is not acceptable JSON
	CodeInvalidRequest int64 = -32600 // JSON, but not a message
	CodeMethodNotFound int64 = -32601 // no such method here
	CodeInvalidParams  int64 = -32602 // the params are not what the method takes
	CodeInternalError  int64 = -32603 // the handler failed
)

// Codes this runtime adds, from the range JSON-RPC leaves to servers.
const (
	// CodeClosed: the session ended before the answer came. Made here, for Go callers; matches [ErrClosed].
	CodeClosed int64 = -32000
	// CodeBusy: too much is in flight; nothing was done and the same request may be sent again later. Sent to the
	// peer with data {"retryAfter": seconds}.
	CodeBusy int64 = -32010
	// CodeCancelled: the caller's context ended before the answer came. Made here, for Go callers; matches
	// [context.Canceled] or [context.DeadlineExceeded].
	CodeCancelled int64 = -32011
	// CodeTooLarge: the message is over the transport's size limit and was not sent. Matches [ErrTooLarge].
	CodeTooLarge int64 = -32012
	// CodeForbidden: the principal, or nobody being one, may not do this; nothing was done. Sent to the peer, where scopes
	// are missing with data {"scopes": [...]}: all that it takes.
	CodeForbidden int64 = -32013
	// CodeTimeout: the handler took longer than the receiver allows ([Limits].HandlerTime) and was given up; what it did
	// until then is done. Sent to the peer.
	CodeTimeout int64 = -32014
)

var (
	// ErrClosed is in the chain of every error that comes from a session or connection having ended.
	ErrClosed = errors.New("session closed")
	// ErrCancelled is in the chain of context.Cause of a handler's ctx that the peer's cancellation ended.
	ErrCancelled = errors.New("cancelled by the peer")
	// ErrTooLarge is in the chain of the error for a message over the size limit.
	ErrTooLarge = errors.New("message too large")
	// ErrSessionEnded is in the chain of the error for a message that the server refused unhandled because it knows the
	// session no more (HTTP 404). A transport fails that message with it ([Session.FailCall], or the error of Send) and
	// leaves the session open, so that other messages under way hear the same: closing it is for who opened it. A call that
	// had been accepted, and only loses its answer, matches ErrClosed besides.
	ErrSessionEnded = errors.New("session ended by the server")
)

// Error is a JSON-RPC error: what a handler returns to choose the code the peer sees, and what every failing call
// returns. It may wrap a Go error, which never goes to the peer but which errors.Is and errors.As find.
//
// The zero value is an error with code 0 and no message; a nil *Error must not be returned as an error.
// An Error is immutable once returned, and safe for concurrent use as such.
type Error struct {
	// Code says what kind of failure this is; see the Code constants here and those of the generated package.
	Code int64
	// Message is one sentence for people.
	Message string
	// Data is more about it, in a form that the code defines; absent by default.
	Data wire.Raw

	cause error
	http  *httpAnswer // see WithHTTP; nil: none
}

// Errorf makes an Error whose message is formatted as by fmt.Errorf; the operand of a %w verb becomes its cause.
func Errorf(code int64, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	e := &Error{Code: code, Message: err.Error()}
	switch w := err.(type) {
	case interface{ Unwrap() error }:
		e.cause = w.Unwrap()
	case interface{ Unwrap() []error }:
		e.cause = errors.Join(w.Unwrap()...)
	}
	return e
}

// Wrap returns a copy of e that wraps cause.
func (e *Error) Wrap(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithData returns a copy of e with data in place of what it had.
func (e *Error) WithData(data wire.Raw) *Error {
	c := *e
	c.Data = data
	return &c
}

// Error gives the message and the code.
func (e *Error) Error() string {
	return e.Message + " (code " + strconv.FormatInt(e.Code, 10) + ")"
}

// Unwrap gives the Go error this one wraps, or nil.
func (e *Error) Unwrap() error { return e.cause }

// AppendJSON appends the error object of a response.
func (e *Error) AppendJSON(b []byte) []byte {
	b = append(b, `{"code":`...)
	b = wire.AppendInt(b, e.Code)
	b = append(b, `,"message":`...)
	b = wire.AppendString(b, e.Message)
	if !e.Data.IsZero() {
		b = append(b, `,"data":`...)
		b = e.Data.AppendJSON(b)
	}
	return append(b, '}')
}

// CodeOf gives the code of the first *Error in err's chain; CodeCancelled for a bare context error; 0 for nil; and
// CodeInternalError for anything else, which is what the peer would be told.
func CodeOf(err error) int64 {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		return e.Code
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return CodeCancelled
	}
	return CodeInternalError
}

// toError makes what is sent to the peer of what a handler returned.
func toError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		return e
	}
	return &Error{Code: CodeInternalError, Message: err.Error(), cause: err}
}

// errClosed is what callers get when a session is or goes away: what they asked for, and why it ended.
func errClosed(what string, cause error) *Error {
	e := &Error{Code: CodeClosed, Message: what + ": session closed", cause: ErrClosed}
	if cause != nil && cause != ErrClosed {
		e.Message += ": " + cause.Error()
		e.cause = both{ErrClosed, cause}
	}
	return e
}

// errContext is what a caller gets whose ctx ended.
func errContext(ctx context.Context, what string) *Error {
	err, cause := ctx.Err(), context.Cause(ctx)
	e := &Error{Code: CodeCancelled, Message: what + ": " + err.Error(), cause: err}
	if cause != nil && cause != err {
		e.Message = what + ": " + cause.Error()
		e.cause = both{err, cause}
	}
	return e
}

// both is an error with two causes: the one that says what kind of end it was, and the one that says why.
type both struct{ kind, cause error }

func (b both) Error() string   { return b.kind.Error() + ": " + b.cause.Error() }
func (b both) Unwrap() []error { return []error{b.kind, b.cause} }

// paramsError says where params are wrong: the pointer from the root of the message, in the text and in the data.
func paramsError(method string, err error) *Error {
	return shapeError(CodeInvalidParams, "invalid params of "+method, "params", err)
}

// shapeError is the error for a value of the wrong shape in the given member of the message.
func shapeError(code int64, what, member string, err error) *Error {
	e := &Error{Code: code, Message: what + ": " + err.Error(), cause: err}
	p, ok := errors.AsType[*wire.PathError](err)
	if !ok {
		return e
	}
	at := *p
	if member != "" {
		at.Pointer = "/" + member + p.Pointer
		at.Offset = -1 // counted within the member: it would mislead
	}
	e.Message = what + ": " + at.Error()
	b := append(make([]byte, 0, 64+len(at.Pointer)+len(at.Expected)), `{"pointer":`...)
	b = wire.AppendString(b, at.Pointer)
	b = append(b, `,"expected":`...)
	b = wire.AppendString(b, at.Expected)
	if raw, err := wire.ParseRaw(append(b, '}')); err == nil {
		e.Data = raw
	}
	return e
}
