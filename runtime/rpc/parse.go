package rpc

import (
	"errors"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Parse reads one message. Nothing in it aliases text.
//
// Names are exact, duplicates are refused at every level, "jsonrpc" must be "2.0", params and results must be
// objects, and an id must be a string or an integer (a null one is accepted in an error response only). Members the
// protocol does not know are tolerated.
//
// An error is always an *[Error] with the code to answer with. The message returned with it is not nil and tells what
// could still be made out: its Kind (KindNone if unclear) and its ID; see [Session.Refuse].
func Parse(text []byte, o wire.Options) (*Message, error) {
	e := new(envelope)
	err := wire.DecodeOptions(text, e, o)
	if err == nil {
		if err := e.classify(); err != nil {
			return salvageMessage(text, o), err
		}
		return &e.m, nil
	}
	if p, ok := errors.AsType[*wire.PathError](err); ok && p.Syntax {
		if deep := (wire.Options{MaxDepth: salvageDepth, Strict: o.Strict}); wire.Valid(text, deep) == nil {
			// Only nested too deeply for us: the peer means what it says, so it deserves an answer under its id.
			return salvageMessage(text, deep), shapeError(CodeInvalidRequest, "not acceptable", "", err)
		}
		bad := shapeError(CodeParseError, "not acceptable JSON", "", err)
		m := salvageMessage(text, o)
		if !m.IsResponse() {
			m = new(Message) // what such a text asks for, and under which id, is anybody's guess
		}
		return m, bad
	}
	code := CodeInvalidRequest
	if p, ok := errors.AsType[*wire.PathError](err); ok && p.Pointer == "/params" {
		code = CodeInvalidParams
	}
	return salvageMessage(text, o), shapeError(code, "not a message", "", err)
}

// salvageDepth is how deep a text may be nested for its id still to be read; it bounds the memory that takes.
const salvageDepth = 16 << 10

// envelope decodes a message, which it holds so that both are one allocation.
type envelope struct {
	m      Message
	params wire.Raw
	result wire.Raw
	nullID bool
	member uint64
}

// The envelope's members, as bits.
const (
	bitVersion = iota
	bitID
	bitMethod
	bitParams
	bitResult
	bitError
)

func (e *envelope) has(bit uint) bool { return e.member&(1<<bit) != 0 }

func (e *envelope) DecodeJSON(d *wire.Decoder) {
	var unknown wire.Object
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "jsonrpc":
			if d.Once(&e.member, bitVersion) {
				d.Const("2.0")
			}
		case "id":
			if d.Once(&e.member, bitID) {
				if e.nullID = d.Null(); !e.nullID {
					e.m.ID = d.ID()
				}
			}
		case "method":
			if d.Once(&e.member, bitMethod) {
				e.m.Method = d.ExactString()
			}
		case "params":
			if d.Once(&e.member, bitParams) && !d.Null() {
				e.params = d.RawObject()
			}
		case "result":
			if d.Once(&e.member, bitResult) && !d.Null() {
				e.result = d.RawObject()
			}
		case "error":
			if d.Once(&e.member, bitError) && !d.Null() {
				e.m.Error = new(Error)
				e.m.Error.DecodeJSON(d)
			}
		default:
			unknown = d.Unknown(unknown, key)
		}
	}
	if !e.has(bitVersion) {
		d.Missing(e.member, "jsonrpc")
	}
}

// DecodeJSON reads the error object of a response.
func (e *Error) DecodeJSON(d *wire.Decoder) {
	*e = Error{}
	var seen uint64
	var unknown wire.Object
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "code":
			if d.Once(&seen, 0) {
				e.Code = d.Int()
			}
		case "message":
			if d.Once(&seen, 1) {
				e.Message = d.String()
			}
		case "data":
			if d.Once(&seen, 2) {
				e.Data = d.Raw()
			}
		default:
			unknown = d.Unknown(unknown, key)
		}
	}
	if seen&3 != 3 {
		d.Missing(seen, "code", "message")
	}
}

// classify sets the message's kind, or says why it is none.
func (e *envelope) classify() error {
	m := &e.m
	switch {
	case e.has(bitMethod):
		if !e.result.IsZero() || m.Error != nil {
			return Errorf(CodeInvalidRequest, "not a message: it has both a method and a result or error")
		}
		if e.nullID {
			return Errorf(CodeInvalidRequest, "not a message: the id of a request must be a string or an integer, not null")
		}
		if m.Method == "" {
			return Errorf(CodeInvalidRequest, "not a message: the method must be a name")
		}
		m.Kind, m.raw = KindNotification, e.params
		if !m.ID.IsZero() {
			m.Kind = KindRequest
		}
	case m.Error != nil && !e.result.IsZero():
		return Errorf(CodeInvalidRequest, "not a message: it has both a result and an error")
	case m.Error != nil:
		m.Kind = KindError
	case !e.result.IsZero():
		if m.ID.IsZero() {
			return Errorf(CodeInvalidRequest, "not a message: a result without id")
		}
		m.Kind, m.raw = KindResult, e.result
	case e.has(bitResult):
		return Errorf(CodeInvalidRequest, "not a message: a result must be an object, not null")
	default:
		return Errorf(CodeInvalidRequest, "not a message: it has no method, result or error")
	}
	return nil
}

// Salvage makes out what it can of a text that is no message, or only the start of one: its kind (KindNone if
// unclear) and its id (absent if unclear). It is never nil.
func Salvage(text []byte) *Message { return salvageMessage(text, wire.Options{}) }

func salvageMessage(text []byte, o wire.Options) *Message {
	s := salvage{}
	_ = wire.DecodeOptions(text, &s, o) // what was read before an error counts
	m := new(Message)
	switch {
	case s.request:
		m.Kind = KindNotification
		if s.hasID {
			m.Kind = KindRequest
		}
		m.Method = s.method
	case s.result:
		m.Kind = KindResult
	case s.error:
		m.Kind = KindError
	}
	if s.ids == 1 && s.whole {
		m.ID = s.id
	}
	return m
}

// salvage decodes no more than it must to know the kind and the id.
type salvage struct {
	id                            ID
	ids                           int
	whole                         bool // something follows the id, so that it is not cut off
	hasID, request, result, error bool
	method                        string
}

func (s *salvage) DecodeJSON(d *wire.Decoder) {
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		s.whole = s.ids > 0
		switch string(key) {
		case "id":
			s.ids++
			s.hasID = true
			if k := d.Kind(); k == wire.KindString || k == wire.KindNumber {
				s.id = d.ID()
			} else {
				d.Raw()
			}
		case "method":
			s.request = true
			if d.Kind() == wire.KindString {
				s.method = d.String()
			} else {
				d.Raw()
			}
		case "params":
			s.request = true
			d.Raw()
		case "result":
			s.result = d.Kind() != wire.KindNull || s.result
			d.Raw()
		case "error":
			s.error = d.Kind() != wire.KindNull || s.error
			d.Raw()
		default:
			d.Raw()
		}
	}
	s.whole = s.whole || d.Err() == nil
}
