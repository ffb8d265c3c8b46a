package rpc

import (
	"bytes"
	"context"
	"sync"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// versionBatches is the one protocol version that has JSON-RPC batches (specification 2025-03-26, basic).
const versionBatches = "2025-03-26"

// isBatch reports whether text is an array of messages, from a peer whose version has such.
func (s *Session) isBatch(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && text[0] == '[' && s.Version() == versionBatches
}

// receiveBatch takes the messages of a batch one by one. Their answers go out together, once all are there.
func (s *Session) receiveBatch(ctx context.Context, text []byte, out Stream) error {
	var all elements
	if err := wire.DecodeOptions(text, &all, s.options); err != nil {
		return s.Refuse(ctx, new(Message), Errorf(CodeParseError, "not acceptable JSON: %w", err), out)
	}
	switch {
	case len(all) == 0:
		return s.Refuse(ctx, new(Message), Errorf(CodeInvalidRequest, "the batch is empty"), out)
	case len(all) > s.cfg.Limits.Batch:
		return s.Refuse(ctx, new(Message), Errorf(CodeInvalidRequest, "the batch has %d messages, the limit is %d", len(all), s.cfg.Limits.Batch), out)
	}
	if out == nil {
		out = s.own()
	}
	b := &batch{ctx: ctx, out: out, session: s, waiting: 1} // one is this loop
	for _, one := range all {
		m, err := Parse(one.Bytes(), s.options)
		if err == nil && IsInitialize(m) {
			err = Errorf(CodeInvalidRequest, "%s must not be part of a batch", m.Method)
		}
		if m.Kind == KindRequest || m.Kind == KindNone {
			b.add()
		}
		if err != nil {
			_ = s.Refuse(ctx, m, err, b)
		} else {
			_ = s.Deliver(ctx, m, b)
		}
	}
	b.End(nil)
	return nil
}

// elements decodes an array into the texts of its elements.
type elements []wire.Raw

func (e *elements) DecodeJSON(d *wire.Decoder) {
	for d.Array(); d.Elem(); {
		*e = append(*e, d.Raw())
	}
}

// batch is the stream of the requests of a batch: it keeps their answers until the last one ends.
type batch struct {
	ctx     context.Context
	out     Stream
	session *Session

	mu      sync.Mutex
	waiting int
	answers []byte // the array, without its end
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
	b.mu.Lock()
	defer b.mu.Unlock()
	separator := byte(',')
	if len(b.answers) == 0 {
		separator = '['
	}
	b.answers = m.AppendJSON(append(b.answers, separator))
	return nil
}

// End counts down and sends the answers with the last.
func (b *batch) End(error) {
	b.mu.Lock()
	b.waiting--
	last := b.waiting == 0
	b.mu.Unlock()
	if last && len(b.answers) > 0 {
		b.session.answer(b.ctx, b.out, &Message{Kind: KindResult, text: append(b.answers, ']')}, nil)
	}
}
