package rpc

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// BatchVersion is the one protocol version that has JSON-RPC batches (specification 2025-03-26, basic).
const BatchVersion = "2025-03-26"

// IsBatch reports whether text is an array, as the messages of a batch come in.
func IsBatch(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && text[0] == '['
}

// SplitBatch splits a batch into the texts of its messages, at most so many. The error is an *Error.
func SplitBatch(text []byte, most int, o wire.Options) ([]wire.Raw, error) {
	var all elements
	if err := wire.DecodeOptions(text, &all, o); err != nil {
		return nil, Errorf(CodeParseError, "not acceptable JSON: %w", err)
	}
	switch {
	case len(all) == 0:
		return nil, Errorf(CodeInvalidRequest, "the batch is empty")
	case len(all) > most:
		return nil, Errorf(CodeInvalidRequest, "the batch has %d messages, the limit is %d", len(all), most)
	}
	return all, nil
}

// elements decodes an array into the texts of its elements.
type elements []wire.Raw

func (e *elements) DecodeJSON(d *wire.Decoder) {
	for d.Array(); d.Elem(); {
		*e = append(*e, d.Raw())
	}
}

// receiveBatch takes the messages of a batch one by one. Their answers go out together, once all are there.
func (s *Session) receiveBatch(ctx context.Context, text []byte, out Stream) error {
	all, err := SplitBatch(text, s.cfg.Limits.Batch, s.options)
	if err != nil {
		return s.Refuse(ctx, new(Message), err, out)
	}
	if out == nil {
		out = s.own()
	}
	b := &batch{ctx: ctx, out: out, session: s, waiting: 1} // one is this loop
	requests := 0
	for _, one := range all {
		m, err := Parse(one.Bytes(), s.options)
		if err == nil && IsInitialize(m) {
			err = Errorf(CodeInvalidRequest, "%s must not be part of a batch", m.Method)
		}
		if m.Kind == KindRequest || m.Kind == KindNone {
			requests++
			b.add()
		}
		if err != nil {
			_ = s.Refuse(ctx, m, err, b)
		} else {
			_ = s.Deliver(ctx, m, b)
		}
	}
	if requests > 0 {
		b.End(nil)
	}
	return nil
}

// batch is the stream of the requests of a batch: it keeps their answers until the last one ends.
type batch struct {
	ctx     context.Context
	out     Stream
	session *Session

	mu      sync.Mutex
	waiting int
	answers []answer
}

// answer is a response, encoded.
type answer struct {
	id   ID
	text []byte
}

func (b *batch) add() {
	b.mu.Lock()
	b.waiting++
	b.mu.Unlock()
}

// Send keeps an answer; what else a handler sends goes out at once.
func (b *batch) Send(ctx context.Context, m *Message) error {
	if !m.IsResponse() {
		return b.out.Send(ctx, m)
	}
	text := m.AppendJSON(nil)
	b.mu.Lock()
	b.answers = append(b.answers, answer{m.ID, text})
	b.mu.Unlock()
	return nil
}

// End counts down; after the last, the answers go out and the caller's stream has its end.
func (b *batch) End(why error) {
	b.mu.Lock()
	b.waiting--
	last := b.waiting == 0
	b.mu.Unlock()
	if !last {
		return
	}
	if len(b.answers) > 0 {
		why = b.sendAll(b.answers)
	}
	if e, ok := b.out.(Ender); ok {
		e.End(why)
	}
}

// sendAll sends answers as one array. What is too large together goes out in halves, and what is too large alone
// becomes an error, so that every request is answered.
func (b *batch) sendAll(answers []answer) error {
	text := []byte{'['}
	for i, a := range answers {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, a.text...)
	}
	err := b.out.Send(b.ctx, &Message{Kind: KindResult, text: append(text, ']')})
	switch {
	case !errors.Is(err, ErrTooLarge):
		return err
	case len(answers) > 1:
		half := len(answers) / 2
		return errors.Join(b.sendAll(answers[:half]), b.sendAll(answers[half:]))
	}
	return b.out.Send(b.ctx, NewError(answers[0].id, Errorf(CodeInternalError, "the result is too large to be sent")))
}
