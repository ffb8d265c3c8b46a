package rpc

import (
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Kind is the kind of a [Message].
type Kind uint8

// The kinds of message. KindNone is a text that is no message, or the zero Message.
const (
	KindNone         Kind = iota
	KindRequest           // has an id and a method; is answered
	KindNotification      // has a method; is never answered
	KindResult            // answers a request
	KindError             // answers a request that failed, or (without id) a text that could not be read
)

func (k Kind) String() string {
	switch k {
	case KindRequest:
		return "request"
	case KindNotification:
		return "notification"
	case KindResult:
		return "result"
	case KindError:
		return "error"
	}
	return "no message"
}

// Message is one JSON-RPC message: as [Parse] read it, on its way through a chain of [Interceptor]s, or on its way
// to the peer. A message belongs to one goroutine at a time; what handles it may keep it.
type Message struct {
	// Kind says which of the other members mean something.
	Kind Kind
	// ID is the request's id; absent for notifications and in error responses that answer no readable request. Of an
	// outgoing request it is absent until the request is sent.
	ID ID
	// Method is the method of a request or notification.
	Method string
	// Error is the error of an error response.
	Error *Error

	raw   wire.Raw      // params or result as text; absent if none, or if value has it
	value wire.Appender // params or result as a Go value; nil if none, or if raw has it
	text  []byte        // the answers of a batch, encoded; nil otherwise

	session  *Session
	outgoing bool
	row      *boundRow // found for Method, or nil
	decoded  Params    // the params as row reads them; nil before
}

// NewRequest makes a request; nil params means none.
func NewRequest(id ID, method string, params wire.Appender) *Message {
	return &Message{Kind: KindRequest, ID: id, Method: method, value: params}
}

// NewNotification makes a notification; nil params means none.
func NewNotification(method string, params wire.Appender) *Message {
	return &Message{Kind: KindNotification, Method: method, value: params}
}

// NewResult makes the response to a request; a nil result is an empty object.
func NewResult(id ID, result wire.Appender) *Message {
	return &Message{Kind: KindResult, ID: id, value: result}
}

// NewError makes the response to a request that failed; the id may be absent if it could not be read.
func NewError(id ID, err *Error) *Message {
	return &Message{Kind: KindError, ID: id, Error: err}
}

// IsResponse reports whether m is a result or an error.
func (m *Message) IsResponse() bool { return m.Kind == KindResult || m.Kind == KindError }

// Outgoing reports whether the message goes to the peer, as against having come from it.
func (m *Message) Outgoing() bool { return m.outgoing }

// Session is the session the message came or goes through; nil before it got there.
func (m *Message) Session() *Session { return m.session }

// Raw gives the params of a request or notification, or the result of a result, as JSON text; absent if there is
// none. For a message made of a Go value it is encoded on the first call.
func (m *Message) Raw() wire.Raw {
	if m.raw.IsZero() && m.value != nil {
		m.raw = toRaw(m.value)
	}
	return m.raw
}

// Params gives the params as a Go value. Of an incoming message it is what its row decodes and validates them to (a
// pointer to the generated type), done once; the error says, with a JSON pointer, why they are not what the method
// takes (code CodeInvalidParams). Where no row is bound for the method it is the text, a wire.Raw. Of an outgoing
// message it is what the caller gave. It may be nil if there are no params.
func (m *Message) Params() (wire.Appender, error) {
	if m.outgoing {
		if m.value == nil && !m.raw.IsZero() {
			return m.raw, nil
		}
		return m.value, nil
	}
	if m.bind() == nil {
		if m.value == nil && m.raw.IsZero() {
			return nil, nil
		}
		return m.Raw(), nil
	}
	return m.decode()
}

// SetParams puts other params in place of the message's; nil means none. Generated types and wire.Raw both do.
func (m *Message) SetParams(p wire.Appender) {
	m.raw, m.value, m.decoded = wire.Raw{}, p, nil
}

// AppendJSON appends the message as one line of JSON, without its end. A result without a value is {}.
func (m *Message) AppendJSON(b []byte) []byte {
	if m.text != nil {
		return append(b, m.text...)
	}
	switch m.Kind {
	case KindRequest:
		b = append(b, `{"jsonrpc":"2.0","id":`...)
		b = m.ID.AppendJSON(b)
		b = append(b, `,"method":`...)
		return m.appendParams(b)
	case KindNotification:
		b = append(b, `{"jsonrpc":"2.0","method":`...)
		return m.appendParams(b)
	case KindResult:
		b = append(b, `{"jsonrpc":"2.0","id":`...)
		b = m.ID.AppendJSON(b)
		b = append(b, `,"result":`...)
		switch {
		case !m.raw.IsZero():
			b = m.raw.AppendJSON(b)
		case m.value != nil:
			b = m.value.AppendJSON(b)
		default:
			b = append(b, "{}"...)
		}
		return append(b, '}')
	case KindError:
		b = append(b, `{"jsonrpc":"2.0",`...)
		if !m.ID.IsZero() { // absent, never null
			b = append(b, `"id":`...)
			b = m.ID.AppendJSON(b)
			b = append(b, ',')
		}
		b = append(b, `"error":`...)
		b = m.Error.AppendJSON(b)
		return append(b, '}')
	}
	return append(b, "null"...)
}

func (m *Message) appendParams(b []byte) []byte {
	b = wire.AppendString(b, m.Method)
	switch {
	case !m.raw.IsZero():
		b = append(b, `,"params":`...)
		b = m.raw.AppendJSON(b)
	case m.value != nil:
		b = append(b, `,"params":`...)
		b = m.value.AppendJSON(b)
	}
	return append(b, '}')
}

// bind gives the bound row of the message's method, nil if there is none.
func (m *Message) bind() *boundRow {
	if m.session == nil {
		return nil
	}
	if m.row == nil || m.row.Method != m.Method {
		m.decoded = nil
		m.row = m.session.dispatch.lookup(m.Kind, m.Method)
	}
	return m.row
}

// decode gives the params as the row reads them, which must have been found.
func (m *Message) decode() (Params, error) {
	if m.decoded != nil {
		return m.decoded, nil
	}
	p, err := m.row.decode(m.Raw(), m.session.options)
	if err == nil && (m.Kind == KindRequest || m.session.cfg.Strict) {
		err = p.Validate()
	}
	if err != nil {
		return nil, paramsError(m.Method, err)
	}
	m.decoded = p
	return p, nil
}

// toRaw encodes a value, absent if what it encodes to is no JSON.
func toRaw(v wire.Appender) wire.Raw {
	if raw, ok := v.(wire.Raw); ok {
		return raw
	}
	raw, err := wire.ParseRaw(v.AppendJSON(nil))
	if err != nil {
		return wire.Raw{}
	}
	return raw
}
