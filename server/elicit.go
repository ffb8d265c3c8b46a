package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Answer is how the user answered a form.
type Answer[T any] struct {
	// Action is what the user did.
	Action mcp.ElicitAction
	// Value is what the user entered, if accepted; otherwise the zero value.
	Value T
}

// Accepted reports whether the user submitted the form.
func (a Answer[T]) Accepted() bool { return a.Action == mcp.ElicitActionAccept }

// Declined reports whether the user said no.
func (a Answer[T]) Declined() bool { return a.Action == mcp.ElicitActionDecline }

// Cancelled reports whether the user closed the form without choosing.
func (a Answer[T]) Cancelled() bool { return a.Action == mcp.ElicitActionCancel }

// Elicit asks the user to fill in a form (specification 2025-11-25, client/elicitation, form mode): message says what for,
// and the fields are those of the struct T. The key is unique within the call, among all questions and side effects. It
// waits for the answer, as long as [AskTimeouts] and ctx allow. Do not ask for secrets this way, see [ElicitURL].
//
// Fields of T are strings, numbers, Booleans and time.Time, described by the tags that [AddTool] takes; a string with
// enum in its tag, or whose type lists its values and their titles by a method EnumOptions() []mcp.EnumOption, is a
// choice; a slice of such strings is a choice of several. omitempty or a pointer makes a field optional; default fills it
// in.
//
// Declining and cancelling are answers, not errors. What the user accepts is validated. The error is a [*CapabilityError]
// if the client did not declare elicitation, and an [*AskError] if the question got no usable answer.
func Elicit[T any](ctx context.Context, key, message string) (Answer[T], error) {
	var answer Answer[T]
	f, err := formOf[T]()
	if err != nil {
		return answer, fmt.Errorf("server.Elicit[%T]: %w", answer.Value, err)
	}
	content, action, err := askForm(ctx, key, &mcp.ElicitFormParams{Message: message, RequestedSchema: f.params}, f.check)
	answer.Action = action
	if err != nil || !answer.Accepted() {
		return answer, err
	}
	if err := content.Unmarshal(&answer.Value); err != nil {
		return Answer[T]{}, &AskError{mcp.MethodElicit, key, fmt.Errorf("the client's answer: %w", decodeProblem(err))}
	}
	return answer, nil
}

// ElicitForm is [Elicit] for a form that no Go type describes. The answer is validated against the form's schema.
func ElicitForm(ctx context.Context, key string, params *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
	if params == nil {
		return nil, errors.New("server.ElicitForm: the params are nil")
	}
	check, err := compileSchema(raw(&params.RequestedSchema), true)
	if err != nil {
		return nil, fmt.Errorf("server.ElicitForm: the requested schema: %w", err)
	}
	content, action, err := askForm(ctx, key, params, check)
	if err != nil {
		return nil, err
	}
	result := &mcp.ElicitResult{Action: action}
	if action == mcp.ElicitActionAccept {
		var o contentReader
		if err := content.Decode(&o); err != nil {
			return nil, &AskError{mcp.MethodElicit, key, fmt.Errorf("the client's answer: %w", err)}
		}
		result.Content = o.values
	}
	return result, nil
}

// contentReader reads what a form was filled in with.
type contentReader struct{ values map[string]mcp.ElicitValue }

func (c *contentReader) DecodeJSON(d *wire.Decoder) {
	c.values = wire.DecodeMap(d, func(d *wire.Decoder) mcp.ElicitValue {
		v, _ := mcp.UnmarshalElicitValue(d.Raw().Bytes())
		return v
	})
}

// askForm asks for a form to be filled in, and gives what was accepted with all its digits.
func askForm(ctx context.Context, key string, params *mcp.ElicitFormParams, check *jsonSchema) (wire.Raw, mcp.ElicitAction, error) {
	q := &question{method: mcp.MethodElicit, key: key, needs: []string{"elicitation", "elicitation.form"}}
	if err := q.prepare(ctx); err != nil {
		return wire.Raw{}, "", err
	}
	params, err := formFor(q.state.session.Version(), params)
	if err != nil {
		return wire.Raw{}, "", fmt.Errorf("%s %q was not sent: %w", q.method, key, err)
	}
	answer, err := q.elicit(ctx, params)
	if err != nil || answer.action != mcp.ElicitActionAccept {
		return wire.Raw{}, answer.action, err
	}
	if answer.content.IsZero() {
		answer.content = emptyObject
	}
	if err := check.check(answer.content); err != nil {
		return wire.Raw{}, "", q.failed(fmt.Errorf("the client's answer does not fit the form: %w", err))
	}
	return answer.content, answer.action, nil
}

// elicit sends an elicitation in either mode.
func (q *question) elicit(ctx context.Context, params mcp.ElicitParams) (answer elicitAnswer, err error) {
	t := q.state.server.cfg.timeouts
	q.wait, q.most = t.Elicitation, t.ElicitationMax
	if err := params.Validate(); err != nil {
		return answer, fmt.Errorf("%s %q was not sent: %w", q.method, q.key, err)
	}
	err = q.ask(ctx, func(ctx context.Context, session *rpc.Session) error {
		return q.call(ctx, session, params, &answer)
	})
	if err != nil {
		return elicitAnswer{}, err
	}
	if err := answer.action.Validate(); err != nil {
		return elicitAnswer{}, q.failed(fmt.Errorf("the client's answer: %w", wire.AtField("action", err)))
	}
	return answer, nil
}

// elicitAnswer is a mcp.ElicitResult whose content keeps its text: numbers in it may be larger than a float64 holds.
type elicitAnswer struct {
	action  mcp.ElicitAction
	content wire.Raw
}

func (a *elicitAnswer) DecodeJSON(d *wire.Decoder) {
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "action":
			if d.Once(&seen, 0) {
				a.action = mcp.ElicitAction(d.String())
			}
		case "content":
			if d.Once(&seen, 1) && !d.Null() {
				a.content = d.RawObject()
			}
		default:
			d.Raw()
		}
	}
	if seen&1 == 0 {
		d.Missing(seen, "action")
	}
}
