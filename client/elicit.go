package client

import (
	"context"
	"errors"
	"sync"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// ElicitFunc shows the user a form of the server's and gives what the user did: [Accept], [Decline] or [Cancel]
// (client/elicitation). It should make clear which server asks, and let the user look over what is sent.
type ElicitFunc func(ctx context.Context, params *mcp.ElicitFormParams) (*mcp.ElicitResult, error)

// ElicitURLFunc shows the user a URL that the server wants visited, and gives what the user decided. The package never
// opens nor fetches the URL: that is for f, once the user has seen all of it and agreed.
type ElicitURLFunc func(ctx context.Context, params *mcp.ElicitURLParams) (mcp.ElicitAction, error)

// OnElicit declares the capability elicitation.form, and has f answer elicitation/create in form mode. Fields that f
// leaves out of an accepted form get the defaults of the server's schema. What f returns is validated: if it does not fit
// the schema, the server gets an error and not the data. See [FormDefaults] and [CheckForm] for doing so beforehand.
func OnElicit(f ElicitFunc) Option {
	return func(cfg *config) { cfg.handlers.elicit = f }
}

// OnElicitURL declares the capability elicitation.url, and has f answer elicitation/create in URL mode. A URL that
// [CheckLink] has something against is refused (-32602) before f sees it.
func OnElicitURL(f ElicitURLFunc) Option {
	return func(cfg *config) { cfg.handlers.elicitURL = f }
}

// OnElicitationComplete has f called when the server says that an interaction by URL is over, with its id: one that the
// user accepted, or that an error asked for (see [RequiredElicitations]). Unknown ids, and those that were completed
// before, are ignored. It needs [OnElicitURL].
func OnElicitationComplete(f func(ctx context.Context, elicitationID string)) Option {
	return func(cfg *config) { cfg.handlers.elicitURLDone = append(cfg.handlers.elicitURLDone, f) }
}

// Accept is the result of a form that the user accepted. content is a Go value that makes a JSON object of strings,
// numbers, booleans and arrays of strings; fields that it lacks get their defaults.
func Accept(content any) (*mcp.ElicitResult, error) {
	raw, err := objectOf(content)
	if err != nil {
		return nil, err
	}
	result := &mcp.ElicitResult{Action: mcp.ElicitActionAccept, Content: map[string]mcp.ElicitValue{}}
	if raw.IsZero() {
		return result, nil
	}
	var members wire.Object
	if err := raw.Decode(&members); err != nil {
		return nil, err
	}
	for _, m := range members {
		if result.Content[m.Name], err = mcp.UnmarshalElicitValue(m.Value.Bytes()); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// Decline is the result of a form that the user refused.
func Decline() *mcp.ElicitResult { return &mcp.ElicitResult{Action: mcp.ElicitActionDecline} }

// Cancel is the result of a form that the user left without deciding.
func Cancel() *mcp.ElicitResult { return &mcp.ElicitResult{Action: mcp.ElicitActionCancel} }

func (h handlers) Elicit(ctx context.Context, params mcp.ElicitParams) (*mcp.ElicitResult, error) {
	switch p := params.(type) {
	case *mcp.ElicitFormParams:
		if h.elicit != nil {
			return h.form(ctx, p)
		}
		return nil, undeclaredMode("form")
	case *mcp.ElicitURLParams:
		if h.elicitURL != nil {
			return h.url(ctx, p)
		}
		return nil, undeclaredMode("url")
	}
	return nil, rpc.Errorf(rpc.CodeInvalidParams, "elicitation/create: expected the mode form or url")
}

func undeclaredMode(mode string) error {
	return rpc.Errorf(rpc.CodeInvalidParams, "elicitation/create: this client does not declare the mode %q", mode)
}

func (h handlers) form(ctx context.Context, p *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
	f, err := newForm(formSchema(ctx, p))
	if err != nil {
		return nil, rpc.Errorf(rpc.CodeInvalidParams, "elicitation/create: the requested schema is of no use: %w", err)
	}
	result, err := h.elicit(h.ctx(ctx), p)
	switch {
	case err != nil:
		return nil, err
	case result == nil:
		return nil, rpc.Errorf(rpc.CodeInternalError, "the client's elicitation handler returned nothing")
	}
	answer := *result // f may use it again
	if answer.Action != mcp.ElicitActionAccept {
		answer.Content = nil
		return &answer, nil
	}
	answer.Content = f.fill(answer.Content)
	if err := f.check(answer.Content); err != nil {
		h.c.cfg.logger.WarnContext(ctx, "client: what the elicitation handler returned was not sent", "error", err)
		return nil, rpc.Errorf(rpc.CodeInternalError, "the client's answer was not valid: %w", err)
	}
	return &answer, nil
}

func (h handlers) url(ctx context.Context, p *mcp.ElicitURLParams) (*mcp.ElicitResult, error) {
	if err := CheckLink(p.URL); err != nil { // javascript: and the like must not reach a browser
		return nil, rpc.Errorf(rpc.CodeInvalidParams, "elicitation/create: %w", err)
	}
	known := h.c.elicitations.add(p.ElicitationID) // it may be completed before we have answered
	action, err := h.elicitURL(h.ctx(ctx), p)
	if (err != nil || action != mcp.ElicitActionAccept) && !known {
		h.c.elicitations.take(p.ElicitationID)
	}
	if err != nil {
		return nil, err
	}
	return &mcp.ElicitResult{Action: action}, nil
}

func (h handlers) ElicitationComplete(ctx context.Context, params *mcp.ElicitationCompleteParams) error {
	if !h.c.elicitations.take(params.ElicitationID) {
		return nil
	}
	for _, f := range h.elicitURLDone {
		f(h.ctx(ctx), params.ElicitationID)
	}
	return nil
}

// RequiredElicitations gives the interactions by URL that the error of a call names as missing (code
// [mcp.CodeURLElicitationRequired]): once the user has completed them, the call may succeed. nil if err is another.
func RequiredElicitations(err error) []mcp.ElicitURLParams {
	e, ok := errors.AsType[*rpc.Error](err)
	if !ok || e.Code != mcp.CodeURLElicitationRequired {
		return nil
	}
	var data mcp.URLElicitationRequiredData
	if e.Data.Decode(&data) != nil {
		return nil
	}
	return data.Elicitations
}

// maxElicitations is how many interactions by URL are remembered.
const maxElicitations = 1024

// elicitations are the ids of the interactions by URL under way, the oldest first.
type elicitations struct {
	mu  sync.Mutex
	ids []string
}

// add notes an id, and tells whether it was noted before.
func (e *elicitations) add(id string) (known bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.index(id) >= 0 {
		return true
	}
	if len(e.ids) >= maxElicitations {
		e.ids = append(e.ids[:0], e.ids[1:]...)
	}
	e.ids = append(e.ids, id)
	return false
}

// take forgets an id, and tells whether it was noted.
func (e *elicitations) take(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.index(id)
	if i >= 0 {
		e.ids = append(e.ids[:i], e.ids[i+1:]...)
	}
	return i >= 0
}

func (e *elicitations) index(id string) int {
	for i := range e.ids {
		if e.ids[i] == id {
			return i
		}
	}
	return -1
}

// noteRequired notes what the error of a call names as missing.
func (e *elicitations) noteRequired(err error) {
	required := RequiredElicitations(err)
	for _, p := range required[max(len(required)-maxElicitations, 0):] {
		e.add(p.ElicitationID)
	}
}
