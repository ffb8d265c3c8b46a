package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
	"github.com/tenonmcp/tenon/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const schema = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","$defs":{"a":{"$anchor":"b"}},"if":{},"then":{}}`

// mock is a server with what the scenarios ask for.
func mock() *server.Server {
	s := server.New("mock", "1.0.0")
	server.AddTool(s, "add_numbers", "Adds.", func(_ context.Context, in numbers) (float64, error) { return in.A + in.B, nil })
	server.AddTool(s, "test_client_elicitation_defaults", "Asks.", func(ctx context.Context, _ struct{}) (string, error) {
		answer, err := server.Elicit[struct {
			Name string `json:"name,omitempty" jsonschema:"default=John Doe"`
		}](ctx, "name", "Who?")
		return string(answer.Action) + " " + answer.Value.Name, err
	})
	server.AddTool(s, "test_reconnection", "Ends the connection.", func(ctx context.Context, _ struct{}) (string, error) {
		if !streamhttp.Poll(ctx, 1) {
			return "there was no connection", nil
		}
		return "came back", nil
	})
	server.AddRawTool(s, mcp.Tool{Name: "json_schema_2020_12_tool", InputSchema: wire.MustRaw(schema)},
		func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) { return nil, nil }, server.WithoutValidation())
	server.AddTool(s, "json_schema_echo", "Echoes.", func(_ context.Context, in map[string]wire.Raw) (string, error) {
		return string(in["schema"].Bytes()), nil
	})
	server.AddStaticResource(s, "test://a", "a", "A.", "text")
	server.AddPrompt(s, "p", "P.", func(context.Context, struct{}) (string, error) { return "text", nil })
	return s
}

func TestScenarios(t *testing.T) {
	handler := streamhttp.Handler(mock())
	web := httptest.NewServer(handler)
	defer web.Close()
	defer func() { require.NoError(t, handler.Shutdown(context.Background())) }()

	for name, want := range map[string]string{
		"": "mock 1.0.0, protocol 2025-11-25\ntool add_numbers\ntool test_client_elicitation_defaults\ntool test_reconnection\n" +
			"tool json_schema_2020_12_tool\ntool json_schema_echo\nresource test://a\nprompt p\n",
		"initialize":                          "",
		"tools_call":                          "{\"result\":8}\n",
		"elicitation-sep1034-client-defaults": "accept John Doe\n",
		"sse-retry":                           "came back\n",
		"json-schema-2020-12-preservation":    schema + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			env := func(variable string) string {
				return map[string]string{"MCP_CONFORMANCE_SCENARIO": name, "MCP_CONFORMANCE_PROTOCOL_VERSION": "2025-11-25"}[variable]
			}
			require.NoError(t, run(t.Context(), []string{web.URL}, env, &out))
			require.Equal(t, want, out.String())
		})
	}
}

// TestAuthScenarios are run by the suite, with an authorization server; here is one to see that each can begin.
func TestAuthScenarios(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	text, err := json.Marshal(given{ClientID: "c", ClientSecret: "s", PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		IDPClientID: "i", IDPTokenEndpoint: "http://127.0.0.1:1/token"})
	require.NoError(t, err)
	require.Len(t, authScenarios, 14+6)
	for name, s := range authScenarios {
		_, err := s.authorizer("http://127.0.0.1:1/mcp", string(text), io.Discard)
		require.NoError(t, err, name)
		_, err = s.authorizer("http://127.0.0.1:1/mcp", "{", io.Discard)
		require.ErrorContains(t, err, "MCP_CONFORMANCE_CONTEXT", name)
	}
}

func TestRefusals(t *testing.T) {
	env := func(string) string { return "auth/unheard-of" }
	require.EqualError(t, run(t.Context(), []string{"http://127.0.0.1:1"}, env, nil), `there is nothing to do for the scenario "auth/unheard-of"`)
	require.EqualError(t, run(t.Context(), nil, env, nil), "usage: everythingclient URL")
}
