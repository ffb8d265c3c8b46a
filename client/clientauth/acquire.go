package clientauth

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// operation is one request to the MCP server, with all it leads to.
type operation struct {
	authorizations int             // authorization requests made for it
	asked          map[string]bool // what they asked for
	refreshed      bool
}

// need is why a new token is needed.
type need struct {
	op        *operation
	rejected  *grant // what the server did not accept; nil if it got none
	challenge challenge
	stepUp    bool // the token is good but has not enough scopes
}

// errNothingNew means that another authorization would ask for what was asked for already.
var errNothingNew = errors.New("nothing new can be asked for")

// flight is something that many wait for.
type flight struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiters int // under the Authorizer's lock
	got     *grant
	err     error
}

// fly gives what ready gives, once that is true; until then it runs work, unless that is running for somebody else. ready is
// called under the lock. work ends with the last who waits for it, and its error is that of all of them.
func (a *Authorizer) fly(ctx context.Context, ready func() (*grant, bool), work func(context.Context) (*grant, error)) (*grant, error) {
	for {
		a.mu.Lock()
		if g, ok := ready(); ok {
			a.mu.Unlock()
			return g, nil
		}
		f, own := a.flight, false
		if f == nil {
			own = true
			shared, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.limits.AuthorizeTime)
			f = &flight{done: make(chan struct{}), cancel: cancel}
			a.flight = f
			go func() {
				defer cancel()
				f.got, f.err = work(shared)
				a.mu.Lock()
				if a.flight == f {
					a.flight = nil
				}
				a.mu.Unlock()
				close(f.done)
			}()
		}
		f.waiters++
		a.mu.Unlock()

		select {
		case <-f.done:
		case <-ctx.Done():
			a.mu.Lock()
			if f.waiters--; f.waiters == 0 {
				f.cancel()
				if a.flight == f {
					a.flight = nil // whoever comes next does not join what has been given up
				}
			}
			a.mu.Unlock()
			return nil, context.Cause(ctx)
		}
		if own || f.err != nil && !errors.Is(f.err, errNothingNew) { // another operation may have something new
			return f.got, f.err
		}
	}
}

func (a *Authorizer) tokenKey() string { return "token for " + a.server.String() }

// use makes a grant the one in use.
func (a *Authorizer) use(g *grant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now, a.loaded = g, true
	if g != nil {
		a.failed = nil
	}
}

// inUse gives the grant in use; nil for none.
func (a *Authorizer) inUse() *grant {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

// parseGrant reads a grant of the store; nil if there is none that can be used.
func (a *Authorizer) parseGrant(data []byte) *grant {
	if data == nil {
		return nil
	}
	g := &grant{}
	raw, err := wire.ParseRaw(data)
	if err == nil {
		err = raw.Unmarshal(g)
	}
	if err == nil && g.Key != nil {
		g.proofs, err = parseProofKey(g.Key)
	}
	if err != nil || !isToken(g.Token) {
		a.trace.step("the store has a token that cannot be read")
		return nil
	}
	return g
}

// current gives the token to try first, nil for none: that of the store if there is one in use already, refreshed if it is
// about to end.
func (a *Authorizer) current(ctx context.Context) (*grant, error) {
	return a.fly(ctx, func() (*grant, bool) {
		switch g := a.now; {
		case !a.loaded:
			return nil, false
		case g == nil:
			return nil, true
		case !g.expired(a.early(g)):
			return g, true
		case g.Refresh == "" || time.Now().Before(a.patience):
			if g.expired(0) {
				return nil, true
			}
			return g, true
		}
		return nil, false
	}, a.loadOrRefresh)
}

// early gives how long before its end a token is refreshed: never more than a quarter of its time.
func (a *Authorizer) early(g *grant) time.Duration {
	if g.Got == 0 {
		return a.limits.Early
	}
	return min(a.limits.Early, time.Duration(g.Expires-g.Got)*time.Second/4)
}

// patience is how long a refresh that could not be done is not tried again before its token has ended.
const patience = 5 * time.Second

func (a *Authorizer) loadOrRefresh(ctx context.Context) (*grant, error) {
	a.mu.Lock()
	g, loaded := a.now, a.loaded
	a.mu.Unlock()
	if !loaded {
		data, err := a.store.Load(ctx, a.tokenKey())
		if err != nil {
			return nil, storeError(err)
		}
		if g = a.parseGrant(data); g != nil {
			a.trace.step("the store has a token of %s, good for %s", place(g.Issuer), lasts(g))
		}
		a.use(g)
	}
	switch {
	case g == nil || !g.expired(a.early(g)):
		return g, nil
	case g.Refresh == "":
		if g.expired(0) {
			return nil, nil
		}
		return g, nil
	}
	server, err := a.discoverServer(ctx, g.Issuer)
	if err == nil {
		var next *grant
		if next, err = a.refresh(ctx, g, server); err == nil && next != nil {
			a.use(next)
			return next, nil
		}
	}
	// The server's answer to a request with the old token, or without, leads to whatever else can be done.
	a.mu.Lock()
	a.patience = time.Now().Add(patience)
	a.mu.Unlock()
	if g.expired(0) || codeOf(err) != "" {
		return nil, nil
	}
	return g, nil
}

// renew gets another token than the rejected one.
func (a *Authorizer) renew(ctx context.Context, n need) (*grant, error) {
	return a.fly(ctx, func() (*grant, bool) {
		return a.now, a.now != nil && a.now != n.rejected && !a.now.expired(0)
	}, func(ctx context.Context) (*grant, error) {
		g, err := a.authorize(ctx, n)
		if err != nil && !errors.Is(err, errNothingNew) && !errors.Is(err, context.Canceled) {
			a.mu.Lock()
			a.failed = err
			a.mu.Unlock()
		}
		return g, err
	})
}

// authorize finds out where tokens are to be had, and gets one: another's, a refreshed one, or by the flow.
func (a *Authorizer) authorize(ctx context.Context, n need) (*grant, error) {
	if remote := a.remote.Load(); remote != nil {
		a.guard.learn(ctx, a.server, *remote)
	}
	had := n.rejected
	if had == nil {
		had = a.inUse()
	}
	t, err := a.discover(ctx, n.challenge, had)
	if err != nil {
		return nil, err
	}
	if had != nil && (had.Issuer != t.server.Issuer || had.Resource != t.resource) {
		a.trace.step("the token was one of %s for %s; it is of no more use", place(had.Issuer), place(had.Resource))
		had = nil
	}
	scopes := union(n.challenge.scopes(), a.scopes)
	if len(scopes) == 0 {
		scopes = union(t.scopes)
	}
	if n.stepUp && had != nil {
		scopes = union(had.Asked, had.Scopes, scopes)
	}
	if g := a.elsewhere(ctx, n, t, scopes); g != nil {
		a.use(g)
		return g, nil
	}
	if had != nil && had.Refresh != "" && !n.stepUp && !n.op.refreshed {
		n.op.refreshed = true
		g, err := a.refresh(ctx, had, t.server)
		switch {
		case err != nil && codeOf(err) == "": // not refused: it may do later
			return nil, err
		case err == nil && g != nil:
			a.use(g)
			return g, nil
		}
	}
	return a.fresh(ctx, n, had, t, scopes)
}

// elsewhere gives a token that another process has got meanwhile; nil if there is none that would do.
func (a *Authorizer) elsewhere(ctx context.Context, n need, t *target, scopes []string) *grant {
	data, err := a.store.Load(ctx, a.tokenKey())
	if err != nil {
		return nil
	}
	g := a.parseGrant(data)
	switch {
	case g == nil, g.expired(0), g.Issuer != t.server.Issuer, g.Resource != t.resource, t.dpop && g.proofs == nil:
		return nil
	case n.rejected != nil && n.rejected.Token == g.Token:
		return nil
	case n.stepUp && slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(g.Scopes, s) }):
		return nil
	}
	a.trace.step("the store has another token by now")
	return g
}

// fresh gets a token by the flow.
func (a *Authorizer) fresh(ctx context.Context, n need, had *grant, t *target, scopes []string) (*grant, error) {
	sorted := slices.Sorted(slices.Values(scopes))
	asked := t.server.Issuer + "\n" + strings.Join(sorted, " ")
	r := &run{a: a, target: t, scopes: scopes}
	if t.dpop {
		if had != nil {
			r.key = had.proofs
		}
		if r.key == nil {
			var err error
			if r.key, err = newProofKey(); err != nil {
				return nil, &Error{Step: "DPoP key", Err: err}
			}
		}
	}
	var stale *staleClient
	for {
		if n.op.authorizations >= a.limits.Authorizations || n.op.asked[asked] && stale == nil {
			a.trace.step("the server does not accept what was authorized for it; that ends it after %d authorization requests", n.op.authorizations)
			return nil, errNothingNew
		}
		n.op.authorizations++
		n.op.asked[asked] = true
		g, err := a.flow.obtain(ctx, r)
		if errors.As(err, &stale) {
			continue
		}
		if err != nil {
			a.trace.step("there is no token: %v", err)
			return nil, err
		}
		if err := a.keep(ctx, a.tokenKey(), g); err != nil {
			return nil, err
		}
		a.use(g)
		return g, nil
	}
}

// refresh exchanges the refresh token of a grant; nil without an error if it cannot. The store is locked meanwhile, so that
// processes that share it do not use a refresh token twice, which a server takes for theft. A refresh token that was
// refused is dropped with its token; the error then has a code.
func (a *Authorizer) refresh(ctx context.Context, had *grant, server *serverMetadata) (*grant, error) {
	client, err := a.identityOf(ctx, had)
	if err != nil || client == nil {
		return nil, err
	}
	var next *grant
	var refused error
	err = a.store.Update(ctx, a.tokenKey(), func(old []byte) ([]byte, error) {
		if g := a.parseGrant(old); g != nil && g.Token != had.Token && g.Issuer == had.Issuer && g.Resource == had.Resource && !g.expired(0) {
			a.trace.step("another process has refreshed the token")
			next = g
			return old, nil
		}
		r := &run{a: a, target: &target{resource: had.Resource, server: server}, scopes: had.Asked, key: had.proofs}
		g, err := r.request(ctx, client, "refresh_token", url.Values{"refresh_token": {had.Refresh}}, nil)
		if err != nil {
			if codeOf(err) != "" {
				refused = err
				return nil, nil
			}
			return nil, err
		}
		if len(g.Scopes) == 0 || slices.Equal(g.Scopes, had.Asked) {
			g.Scopes = had.Scopes // as before, where the server does not say
		}
		if g.Refresh == "" {
			g.Refresh = had.Refresh
		}
		next = g
		return encode(g)
	})
	switch {
	case err != nil:
		var ours *Error
		if !errors.As(err, &ours) {
			err = storeError(err)
		}
		return nil, err
	case refused != nil:
		a.mu.Lock()
		if a.now == had {
			a.now = nil
		}
		a.mu.Unlock()
		return nil, refused
	}
	return next, nil
}
