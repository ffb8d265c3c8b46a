package rpc

import (
	"context"
	"slices"
)

// NewAcceptor returns an Acceptor whose sessions are all made of cfg, each with the principal it is opened for. The
// versions are those the server speaks, newest first. It is for servers that keep nothing per session of their own.
func NewAcceptor(cfg Config, versions ...string) Acceptor {
	return acceptor{cfg, slices.Clone(versions)}
}

type acceptor struct {
	cfg      Config
	versions []string
}

func (a acceptor) Opens(m *Message) bool { return IsInitialize(m) }

// Handles reports whether there is a handler for the method, see [Dispatch.Handles].
func (a acceptor) Handles(method string) bool { return a.cfg.Dispatch.Handles(method) }

func (a acceptor) Versions() []string { return slices.Clone(a.versions) }

func (a acceptor) NewSession(ctx context.Context, link Link) (*Session, error) {
	cfg := a.cfg
	if p, ok := PrincipalFrom(ctx); ok {
		cfg.Principal = &p
	}
	s := NewSession(cfg)
	s.Attach(link)
	return s, nil
}
