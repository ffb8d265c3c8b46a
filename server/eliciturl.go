package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/tasks"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Visit is how the user answered a request to visit a page.
type Visit struct {
	// Action is what the user did: accept means that the user agreed to open the page, not that anything happened there.
	Action mcp.ElicitAction
	// ID is the id of the elicitation, for [Server.CompleteElicitation].
	ID string
}

// Accepted reports whether the user agreed to open the page.
func (v Visit) Accepted() bool { return v.Action == mcp.ElicitActionAccept }

// Declined reports whether the user said no.
func (v Visit) Declined() bool { return v.Action == mcp.ElicitActionDecline }

// Cancelled reports whether the user closed the question without choosing.
func (v Visit) Cancelled() bool { return v.Action == mcp.ElicitActionCancel }

// NewElicitationID makes an id for a URL elicitation that nobody can guess, to be put into its URL.
func NewElicitationID() string { return rand.Text() }

// URLOption is an option of [ElicitURL].
type URLOption func(*mcp.ElicitURLParams)

// ElicitationID sets the id of the elicitation, which must be unique. Default a new one.
func ElicitationID(id string) URLOption { return func(p *mcp.ElicitURLParams) { p.ElicitationID = id } }

// ElicitURL asks the user to visit a page (specification 2025-11-25, client/elicitation, URL mode): for what must not pass
// through the client, such as secrets and payments. The URL must not carry data of the user, nor give access to anything
// by itself, and the page must make sure who visits it. The key is unique within the call, among all questions and side
// effects. It waits for the user's consent, as long as [AskTimeouts] and ctx allow; when the visit is over, call
// [Server.CompleteElicitation].
//
// The client must have declared elicitation.url: otherwise the error is a [*CapabilityError]. A handler that cannot go on
// before the visit is over returns [URLRequired] instead.
func ElicitURL(ctx context.Context, key, message, url string, opts ...URLOption) (Visit, error) {
	params := &mcp.ElicitURLParams{Message: message, URL: url}
	for _, o := range opts {
		o(params)
	}
	if params.ElicitationID == "" {
		params.ElicitationID = NewElicitationID()
	}
	q := &question{method: mcp.MethodElicit, key: key, needs: []string{"elicitation", "elicitation.url"}}
	if err := q.prepare(ctx); err != nil {
		return Visit{}, err
	}
	q.state.visit(params.ElicitationID)
	answer, err := q.elicit(ctx, params)
	if err != nil || answer.action != mcp.ElicitActionAccept {
		q.state.visited(params.ElicitationID)
	}
	return Visit{answer.action, params.ElicitationID}, err
}

const defaultOpenVisits = 1000

// OpenVisits sets how many URL elicitations of a session the server keeps track of until they are complete; of more
// [Server.CompleteElicitation] does not know. Default 1,000; a negative one means no limit.
func OpenVisits(n int) Option { return func(c *config) { c.visits = n } }

// visit notes an elicitation that is open, with the client: it may outlast the task that asked.
func (st *sessionState) visit(id string) {
	task := st.task
	st = st.root()
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.ended || len(st.visits) >= st.server.cfg.visits {
		return
	}
	if st.visits == nil {
		st.visits = map[string]string{}
	}
	st.visits[id] = task
}

// visited reports whether the elicitation was open, and of which task, and closes it.
func (st *sessionState) visited(id string) (task string, open bool) {
	st = st.root()
	st.mu.Lock()
	defer st.mu.Unlock()
	task, open = st.visits[id]
	delete(st.visits, id)
	return task, open
}

// URLRequired makes the error that tells a client to have the user visit pages before it tries again (-32042). A handler
// returns it. Elicitations without an id get one. It fails, with another error, if the client did not declare
// elicitation.url, or if one of them cannot be sent.
func URLRequired(ctx context.Context, message string, elicitations ...mcp.ElicitURLParams) error {
	st := stateFrom(ctx)
	if st == nil {
		return errors.New("server.URLRequired: the context belongs to no session of a server")
	}
	if err := st.requiresURL(); err != nil {
		return err
	}
	data := &mcp.URLElicitationRequiredData{Elicitations: make([]mcp.ElicitURLParams, len(elicitations))}
	copy(data.Elicitations, elicitations)
	for i := range data.Elicitations {
		if data.Elicitations[i].ElicitationID == "" {
			data.Elicitations[i].ElicitationID = NewElicitationID()
		}
	}
	err := data.Err(message)
	if _, invalid := errors.AsType[*wire.PathError](err); invalid {
		return fmt.Errorf("server.URLRequired: %w", err)
	}
	for _, e := range data.Elicitations {
		st.visit(e.ElicitationID)
	}
	return err
}

// requiresURL is requires for an error that is no request, and which stateless clients can be told too.
func (st *sessionState) requiresURL() error {
	if st.stateless {
		return nil
	}
	return st.requires(mcp.MethodElicit, "elicitation.url")
}

// CompleteElicitation tells the client that was asked that the visit with the id is over
// (notifications/elicitation/complete), so that it may try again what it could not do before. It is an error if the
// server knows of no such visit: if it is over already, was declined, or its session has ended.
func (s *Server) CompleteElicitation(ctx context.Context, id string) error {
	for st := range s.sessions.all() {
		task, open := st.visited(id)
		if !open {
			continue
		}
		params := &mcp.ElicitationCompleteParams{ElicitationID: id}
		if task != "" {
			params.Unknown.Set("_meta", raw(wire.Object{{Name: tasks.MetaRelated, Value: tasks.RelatedValue(task)}}))
		}
		// Under the session's context: the visit belongs to no request that still runs.
		return mcp.ClientStub{Caller: st.session}.ElicitationComplete(st.session.Context(), params)
	}
	return fmt.Errorf("no URL elicitation with the id %q is open", id)
}
