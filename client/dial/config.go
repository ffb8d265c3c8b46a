package dial

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Config is a configuration file: servers by name. It is safe for concurrent use as long as it is not changed.
type Config struct {
	// Servers are the servers, the member mcpServers of the file.
	Servers map[string]Server `json:"mcpServers"`
}

// Server says how to reach a server: either by starting a command or at a URL. Values are taken as they are, nothing in
// them is expanded. Members that are not named here are ignored.
type Server struct {
	// Type is "stdio" for a command; for a URL "http" or "streamable-http", "sse" for HTTP+SSE of protocol version
	// 2024-11-05, "websocket" or "ws", or "tcp". Without it the scheme of the URL decides as in [URL], and HTTP+SSE is tried
	// where Streamable HTTP is refused.
	Type string `json:"type"`
	// Command is the program to start, looked up in PATH if it has no slash, and Args are its arguments.
	Command string   `json:"command"`
	Args    []string `json:"args"`
	// Env is added to the environment of the command, which otherwise is ours.
	Env map[string]string `json:"env"`
	// Dir is its working directory; "" is ours.
	Dir string `json:"cwd"`
	// URL is the endpoint of the server, and Headers are sent with every request; over a WebSocket with the one that opens
	// it, and over TCP there are none.
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
}

// ReadConfig reads a configuration file.
func ReadConfig(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	cfg, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("dial: %s: %w", path, err)
	}
	return cfg, nil
}

// ParseConfig reads the text of a configuration file, which is JSON without comments.
func ParseConfig(data []byte) (*Config, error) {
	cfg, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return cfg, nil
}

func parse(data []byte) (*Config, error) {
	raw, err := wire.ParseRaw(data)
	if err != nil {
		return nil, err
	}
	cfg := &Config{}
	if err := raw.Unmarshal(cfg); err != nil {
		return nil, err
	}
	if cfg.Servers == nil {
		return nil, errors.New(`expected an object with the member "mcpServers"`)
	}
	return cfg, nil
}

// Names gives the names of the servers, in order.
func (c *Config) Names() []string { return slices.Sorted(maps.Keys(c.Servers)) }

// Dial makes a client of the server with this name, as [client.Dial] does.
func (c *Config) Dial(ctx context.Context, info mcp.Implementation, name string, opts ...client.Option) (*client.Client, error) {
	s, ok := c.Servers[name]
	if !ok {
		return nil, fmt.Errorf("dial: there is no server %q in the configuration, which has %q", name, c.Names())
	}
	transport, err := s.Transport()
	if err != nil {
		return nil, fmt.Errorf("dial: server %q: %w", name, err)
	}
	cl, err := s.dial(ctx, info, transport, opts)
	if err != nil {
		return nil, fmt.Errorf("dial: server %q: %w", name, err)
	}
	return cl, nil
}

// dial makes a client over the server's transport, or over the one before it where the type is not given.
func (s Server) dial(ctx context.Context, info mcp.Implementation, transport rpc.Transport, opts []client.Option) (*client.Client, error) {
	if u, err := url.Parse(s.URL); err == nil && s.Type == "" && (u.Scheme == "http" || u.Scheme == "https") {
		return overHTTP(ctx, info, u, s.Headers, opts)
	}
	return client.Dial(ctx, info, transport, opts...)
}

// Transport gives the transport to the server, for those who want to change its settings before they dial. For a URL
// without a type that is Streamable HTTP; only [Config.Dial] falls back to the transport before it.
func (s Server) Transport() (rpc.Transport, error) {
	switch {
	case s.Command != "" && s.URL != "":
		return nil, errors.New("expected a command or a url, found both")
	case s.Command != "":
		if s.Type != "" && s.Type != "stdio" {
			return nil, fmt.Errorf("a server with a command has the type stdio, not %q", s.Type)
		}
		cmd := stdio.Command(s.Command, s.Args...)
		cmd.Dir = s.Dir
		for _, name := range slices.Sorted(maps.Keys(s.Env)) {
			if name == "" || strings.ContainsAny(name, "=\x00") {
				return nil, fmt.Errorf("env: %q cannot be the name of a variable", name)
			}
			cmd.Env = append(cmd.Env, name+"="+s.Env[name])
		}
		return cmd, nil
	case s.URL != "":
		kind := s.Type
		if kind == "" {
			kind = socketType(s.URL)
		}
		switch kind {
		case "", "http", "streamable-http":
			return streamable(s.URL, s.Headers), nil
		case "sse":
			return eventStream(s.URL, s.Headers), nil
		case typeTCP, typeWebSocket:
			return socket(kind, s.URL, s.Headers)
		case typeWS:
			return socket(typeWebSocket, s.URL, s.Headers)
		}
		return nil, fmt.Errorf("a server with a url has the type http, streamable-http, sse, websocket, ws or tcp, not %q", s.Type)
	}
	return nil, errors.New("expected a command or a url, found neither")
}
