package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/transporttest/every"
)

// limited makes a server with tools a and b, and the limits.
func limited(limits ...RateLimit) *Server {
	s := New("v", "1", RateLimits(limits...))
	for _, name := range []string{"a", "b"} {
		AddTool(s, name, "", func(context.Context, struct{}) (string, error) { return name, nil })
	}
	return s
}

// allowed calls a tool until that is refused, at most ten times, and tells how often it worked.
func (p *peer) allowed(t *testing.T, tool string) int {
	t.Helper()
	for n := range 10 {
		if _, err := p.tryCall(t.Context(), tool, ""); err != nil {
			require.EqualValues(t, rpc.CodeBusy, rpc.CodeOf(err))
			return n
		}
	}
	return 10
}

func TestRateLimits(t *testing.T) {
	three := ratelimit.Rate{PerSecond: 1, Burst: 3}
	for name, c := range map[string]struct {
		limits                           []RateLimit
		first, again, tool, other, anna2 int // of anna: a, a again, b; of bob: a; of anna's second session: a
	}{
		"none":           {nil, 10, 10, 10, 10, 10},
		"off":            {[]RateLimit{{Method: "tools/call"}}, 10, 10, 10, 10, 10},
		"session":        {[]RateLimit{{Per: PerSession, Method: "tools/call", Rate: three}}, 3, 0, 0, 3, 3},
		"principal":      {[]RateLimit{{Per: PerPrincipal, Method: "tools/call", Rate: three}}, 3, 0, 0, 3, 0},
		"server":         {[]RateLimit{{Per: PerServer, Rate: three}}, 3, 0, 0, 0, 0},
		"tool":           {[]RateLimit{{Per: PerServer, Tool: "a", Rate: three}}, 3, 0, 10, 0, 0},
		"each tool":      {[]RateLimit{{Per: PerServer, Tool: "*", Rate: three}}, 3, 0, 3, 0, 0},
		"each method":    {[]RateLimit{{Per: PerServer, Method: "*", Rate: three}}, 3, 0, 0, 0, 0},
		"another method": {[]RateLimit{{Per: PerServer, Method: "tools/list", Rate: three}}, 10, 10, 10, 10, 10},
		"several": {[]RateLimit{
			{Per: PerPrincipal, Tool: "*", Rate: three}, {Per: PerServer, Rate: ratelimit.Rate{PerSecond: 1, Burst: 5}},
		}, 3, 0, 2, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := limited(c.limits...)
				anna, bob := connect(t, s, clientSide{principal: "anna"}), connect(t, s, clientSide{principal: "bob"})
				anna2 := connect(t, s, clientSide{principal: "anna"})
				require.Equal(t, c.first, anna.allowed(t, "a"), "one below, and at the limit")
				require.Equal(t, c.again, anna.allowed(t, "a"))
				require.Equal(t, c.tool, anna.allowed(t, "b"))
				require.Equal(t, c.other, bob.allowed(t, "a"))
				require.Equal(t, c.anna2, anna2.allowed(t, "a"))
				_, err := anna.Ping(t.Context(), nil)
				require.NoError(t, err, "never limited")
				refused := s.Stats().RateLimited
				require.Equal(t, c.first < 10, refused > 0)
				time.Sleep(time.Minute)
				require.Equal(t, c.first, anna.allowed(t, "a"), "it is full again")
				for _, p := range []*peer{anna, bob, anna2} {
					require.NoError(t, p.conn.Close())
				}
			})
		})
	}
}

func TestWhatAClientOverTheRateIsTold(t *testing.T) {
	every.Not(t, "the answer has status 429, of which the client makes the error", "streamhttp")
	synctest.Test(t, func(t *testing.T) {
		s := limited(RateLimit{Tool: "a", Rate: ratelimit.Rate{PerSecond: 0.25}})
		p := connect(t, s, clientSide{})
		p.call(t, "a", "")
		_, err := p.tryCall(t.Context(), "a", "")
		var e *rpc.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, `{"code":-32010,"message":"too many calls of \"a\": 0.25 a second are allowed, retry later","data":{"retryAfter":4}}`, string(e.AppendJSON(nil)))
		time.Sleep(4*time.Second - 1)
		require.Zero(t, p.allowed(t, "a"))
		time.Sleep(time.Nanosecond)
		require.Equal(t, 1, p.allowed(t, "a"))
		require.NoError(t, p.conn.Close())
	})
}

// Over HTTP it is status 429 with Retry-After, and remote addresses are told apart.
func TestRateLimitsOverHTTP(t *testing.T) {
	s := limited(RateLimit{Per: PerAddress, Method: "tools/call", Rate: ratelimit.Rate{PerSecond: 0.001, Burst: 2}})
	url, c := overHTTP(t, s)
	opened := post(t, c, url, initialize)
	for i := range 3 {
		response := post(t, c, url, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"a"}}`, i+1),
			"Mcp-Session-Id", opened.Header.Get("Mcp-Session-Id"))
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		if i < 2 {
			require.Equal(t, http.StatusOK, response.StatusCode, string(body))
			continue
		}
		require.Equal(t, http.StatusTooManyRequests, response.StatusCode)
		var answer struct {
			ID    int
			Error struct {
				Code int
				Data struct{ RetryAfter int }
			}
		}
		require.NoError(t, json.Unmarshal(body, &answer))
		require.Equal(t, 3, answer.ID)
		require.Equal(t, -32010, answer.Error.Code)
		require.Positive(t, answer.Error.Data.RetryAfter)
		require.Equal(t, fmt.Sprint(answer.Error.Data.RetryAfter), response.Header.Get("Retry-After"))
	}
}

func TestBucketsOfRateLimitsAreBounded(t *testing.T) {
	s := limited(RateLimit{Tool: "*", Keys: 10, Rate: ratelimit.Rate{PerSecond: 0.001, Burst: 1}})
	p := connect(t, s, clientSide{})
	refused := 0
	for i := range 100 { // names made up by the client
		_, err := p.tryCall(t.Context(), fmt.Sprint("made-up-", i), "")
		require.Error(t, err)
		if rpc.CodeOf(err) == rpc.CodeBusy {
			refused++
		} else {
			require.EqualValues(t, mcp.CodeInvalidParams, rpc.CodeOf(err))
		}
	}
	require.Equal(t, 100-10-1, refused, "ten have buckets, and the others share one")
}
