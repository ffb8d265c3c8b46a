package dial

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/legacysse"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

// overHTTP makes a client of the server at an http or https URL: over Streamable HTTP or, if the server refuses to be
// initialized that way as servers do that know only the transport before it, over HTTP+SSE (specification 2025-11-25:
// basic/transports, "Backwards Compatibility"). What the client opens later is over the same of the two.
func overHTTP(ctx context.Context, info mcp.Implementation, u *url.URL, header map[string]string, opts []client.Option) (*client.Client, error) {
	address := u.String()
	p := &probe{Endpoint: streamable(address, header)}
	c, err := client.Dial(ctx, info, p, opts...)
	if err == nil || !p.refused(err) {
		return c, err
	}
	c, older := client.Dial(ctx, info, eventStream(address, header), opts...)
	if older != nil {
		return nil, fmt.Errorf("%s was tried over Streamable HTTP: %w; and over HTTP+SSE of protocol version 2024-11-05: %w",
			u.Redacted(), err, older)
	}
	return c, nil
}

func streamable(address string, header map[string]string) *streamhttp.Endpoint {
	var opts []streamhttp.ConnectOption
	for _, name := range slices.Sorted(maps.Keys(header)) {
		opts = append(opts, streamhttp.WithHeader(name, header[name]))
	}
	return streamhttp.Connect(address, opts...)
}

func eventStream(address string, header map[string]string) *legacysse.Endpoint {
	var opts []legacysse.ConnectOption
	for _, name := range slices.Sorted(maps.Keys(header)) {
		opts = append(opts, legacysse.WithHeader(name, header[name]))
	}
	return legacysse.Connect(address, opts...)
}

// probe is an endpoint that notes the session which is connected first.
type probe struct {
	*streamhttp.Endpoint
	session atomic.Pointer[rpc.Session]
}

// Connect connects s.
func (p *probe) Connect(ctx context.Context, s *rpc.Session) (rpc.Conn, error) {
	p.session.CompareAndSwap(nil, s)
	return p.Endpoint.Connect(ctx, s)
}

// refused tells whether err is that the POST of the initialize request was answered with one of the statuses upon which the
// older transport is to be tried.
func (p *probe) refused(err error) bool {
	s := p.session.Load()
	e, ok := errors.AsType[*streamhttp.HTTPError](err)
	if !ok || s == nil || s.Version() != "" || e.Method != http.MethodPost {
		return false // with a version, initialize has been answered
	}
	return e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed
}
