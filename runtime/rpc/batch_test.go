package rpc_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// TestBatchIsAnsweredTogether: what has an answer is answered in one array, once the slowest is there;
// what a handler sends meanwhile does not wait.
func TestBatchIsAnsweredTogether(t *testing.T) {
	first := make(chan struct{})
	h := &handler{echo: func(ctx context.Context, p *echoParams) (*echoResult, error) {
		if p.Text == "slow" {
			<-first
			require.NoError(t, rpc.SessionFrom(ctx).Notify(ctx, "note", &echoParams{Text: "meanwhile"}))
		}
		if p.Text == "fast" {
			defer close(first)
		}
		return &echoResult{p.Text}, nil
	}}
	s := start(t, h)
	s.SetPeer("2025-03-26", nil)
	require.NoError(t, s.receive(` [{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"slow"}},
		{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"n"}}, 7,
		{"jsonrpc":"2.0","id":"b","method":"nope"},
		{"jsonrpc":"2.0","id":2,"method":"initialize"},
		{"jsonrpc":"2.0","id":3,"method":"echo","params":{"text":"fast"}}]`))
	require.Contains(t, s.next(t), `"text":"meanwhile"`)
	answer := s.next(t)
	require.True(t, strings.HasPrefix(answer, `[{"jsonrpc":"2.0",`) && strings.HasSuffix(answer, `}]`), answer)
	for _, want := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{"text":"slow"}}`,
		`{"jsonrpc":"2.0","id":3,"result":{"text":"fast"}}`,
		`{"jsonrpc":"2.0","id":"b","error":{"code":-32601,"message":"method not found: \"nope\""}}`,
		`{"jsonrpc":"2.0","id":2,"error":{"code":-32600,"message":"initialize must not be part of a batch"}}`,
		`{"jsonrpc":"2.0","error":{"code":-32600,`,
	} {
		require.Contains(t, answer, want)
	}
	s.quiet(t)
}

func TestBatchOfNotificationsIsNotAnswered(t *testing.T) {
	noted := make(chan string, 2)
	s := start(t, &handler{noted: func(_ context.Context, p *echoParams) error { noted <- p.Text; return nil }})
	s.SetPeer("2025-03-26", nil)
	require.NoError(t, s.receive(`[{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"a"}},{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"b"}}]`))
	require.Equal(t, "a", <-noted)
	require.Equal(t, "b", <-noted)
	s.quiet(t)
}

func TestBatchThatIsRefused(t *testing.T) {
	s := start(t, &handler{}, func(c *rpc.Config) { c.Limits.Batch = 2 })
	const one = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for _, version := range []string{"", "2025-11-25", "2025-06-18", "2024-11-05"} {
		s.SetPeer(version, nil)
		require.Error(t, s.receive(`[`+one+`]`))
		require.Contains(t, s.next(t), `{"jsonrpc":"2.0","error":{"code":-32600,`, version)
	}
	s.SetPeer("2025-03-26", nil)
	for text, want := range map[string]string{
		`[]`:                                    `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the batch is empty"}}`,
		`[` + one + `,` + one + `,` + one + `]`: `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the batch has 3 messages, the limit is 2"}}`,
	} {
		require.Error(t, s.receive(text))
		s.expect(want)
	}
	require.Error(t, s.receive(`[{"jsonrpc":"2.0",]`))
	require.Contains(t, s.next(t), `{"jsonrpc":"2.0","error":{"code":-32700,"message":"not acceptable JSON: at /0`)
	require.NoError(t, s.receive(`[`+one+`]`))
	s.expect(`[{"jsonrpc":"2.0","id":1,"result":{}}]`)
}

// TestBatchWhoseAnswersAreTooLargeTogether: they go out in parts, and what is too large alone is an error.
func TestBatchWhoseAnswersAreTooLargeTogether(t *testing.T) {
	s := start(t, &handler{})
	s.SetPeer("2025-03-26", nil)
	out := &narrow{wiretap: newTap(), most: 120}
	one := func(id, text string) string {
		return `{"jsonrpc":"2.0","id":` + id + `,"method":"echo","params":{"text":"` + text + `"}}`
	}
	require.NoError(t, s.Receive(t.Context(), []byte(`[`+one("1", strings.Repeat("a", 50))+`,`+one("2", strings.Repeat("b", 50))+`,`+one("3", strings.Repeat("c", 500))+`]`), out))
	require.NoError(t, <-out.end)
	sent := map[string]bool{}
	for range 3 {
		sent[out.next(t)] = true
	}
	out.quiet(t)
	require.Equal(t, map[string]bool{
		`[{"jsonrpc":"2.0","id":1,"result":{"text":"` + strings.Repeat("a", 50) + `"}}]`:                  true,
		`[{"jsonrpc":"2.0","id":2,"result":{"text":"` + strings.Repeat("b", 50) + `"}}]`:                  true,
		`{"jsonrpc":"2.0","id":3,"error":{"code":-32603,"message":"the result is too large to be sent"}}`: true,
	}, sent)
}

// narrow is a stream that takes only short messages.
type narrow struct {
	*wiretap
	most int
}

func (n *narrow) Send(ctx context.Context, m *rpc.Message) error {
	if len(m.AppendJSON(nil)) > n.most {
		return rpc.ErrTooLarge
	}
	return n.wiretap.Send(ctx, m)
}
