package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// answering is a client whose answers the test chooses.
type answering struct {
	mu       sync.Mutex
	asked    []string
	sample   func(ctx context.Context, p *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error)
	elicit   func(ctx context.Context, p mcp.ElicitParams) (*mcp.ElicitResult, error)
	roots    []mcp.Root
	complete chan string
}

func (a *answering) note(p wire.Appender) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, string(p.AppendJSON(nil)))
}

func (a *answering) CreateMessage(ctx context.Context, p *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
	a.note(p)
	return a.sample(ctx, p)
}

func (a *answering) Elicit(ctx context.Context, p mcp.ElicitParams) (*mcp.ElicitResult, error) {
	a.note(p)
	return a.elicit(ctx, p)
}

func (a *answering) ListRoots(context.Context, *mcp.RequestParams) (*mcp.ListRootsResult, error) {
	return &mcp.ListRootsResult{Roots: a.roots}, nil
}

func (a *answering) ElicitationComplete(_ context.Context, p *mcp.ElicitationCompleteParams) error {
	a.complete <- p.ElicitationID
	return nil
}

var everything = mcp.ClientCapabilities{
	Sampling:    &mcp.ClientCapabilitiesSampling{Tools: emptyObject, Context: emptyObject},
	Elicitation: &mcp.ClientCapabilitiesElicitation{Form: emptyObject, URL: emptyObject},
	Roots:       &mcp.ListChangedCapability{ListChanged: true},
}

// handle makes a server whose tool "t" runs f, and calls it.
func handle(t *testing.T, c clientSide, f func(ctx context.Context) error, opts ...Option) *mcp.CallToolResult {
	t.Helper()
	s := New("v", "1", opts...)
	AddTool(s, "t", "", func(ctx context.Context, _ struct{}) (string, error) { return "done", f(ctx) })
	p := connect(t, s, c)
	r := p.call(t, "t", "")
	require.NoError(t, p.conn.Close())
	return r
}

func question1() *mcp.CreateMessageParams {
	return &mcp.CreateMessageParams{MaxTokens: 10, Messages: []mcp.SamplingMessage{{
		Role: mcp.RoleUser, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "hi"}},
	}}}
}

func TestWhatTheClientDidNotDeclareIsNotSent(t *testing.T) {
	withTools := question1()
	withTools.Tools = []mcp.Tool{}
	withTools.ToolChoice = &mcp.ToolChoice{}
	withContext := question1()
	withContext.IncludeContext = mcp.IncludeContextAllServers
	form := func(ctx context.Context) error { _, err := Elicit[greeting](ctx, "k", "m"); return err }
	for want, x := range map[string]struct {
		has mcp.ClientCapabilities
		f   func(ctx context.Context) error
	}{
		`sampling/createMessage was not sent: the client did not declare the capability "sampling"`: {
			f: func(ctx context.Context) error { _, err := Sample(ctx, "k", question1()); return err }},
		`sampling/createMessage was not sent: the client did not declare the capability "sampling.tools"`: {
			has: mcp.ClientCapabilities{Sampling: &mcp.ClientCapabilitiesSampling{}},
			f:   func(ctx context.Context) error { _, err := Sample(ctx, "k", withTools); return err }},
		`sampling/createMessage was not sent: the client did not declare the capability "sampling.context"`: {
			has: mcp.ClientCapabilities{Sampling: &mcp.ClientCapabilitiesSampling{}},
			f:   func(ctx context.Context) error { _, err := Sample(ctx, "k", withContext); return err }},
		`elicitation/create was not sent: the client did not declare the capability "elicitation"`: {f: form},
		`elicitation/create was not sent: the client did not declare the capability "elicitation.form"`: {
			has: mcp.ClientCapabilities{Elicitation: &mcp.ClientCapabilitiesElicitation{URL: emptyObject}}, f: form},
		`elicitation/create was not sent: the client did not declare the capability "elicitation.url"`: {
			has: mcp.ClientCapabilities{Elicitation: &mcp.ClientCapabilitiesElicitation{}},
			f:   func(ctx context.Context) error { _, err := ElicitURL(ctx, "k", "m", "https://example.com"); return err }},
		`roots/list was not sent: the client did not declare the capability "roots"`: {
			f: func(ctx context.Context) error { _, err := Roots(ctx, "k"); return err }},
		`elicitation/create was not sent: the client did not declare the capability "elicitation" (raw)`: {
			f: func(ctx context.Context) error {
				err := CallFrom(ctx).Session().Call(ctx, mcp.MethodElicit, emptyObject, nil)
				return fmt.Errorf("%w (raw)", err)
			}},
	} {
		r := handle(t, clientSide{capabilities: x.has}, func(ctx context.Context) error {
			err := x.f(ctx)
			_, ok := errors.AsType[*CapabilityError](err)
			require.True(t, ok)
			return err
		})
		require.True(t, r.IsError)
		require.Equal(t, want, said(t, r))
	}
}

func TestSampling(t *testing.T) {
	a := &answering{sample: func(_ context.Context, p *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
		return &mcp.CreateMessageResult{Model: "m", Role: mcp.RoleAssistant, StopReason: "toolUse", Content: []mcp.SamplingMessageContentBlock{
			&mcp.TextContent{Text: "one"}, &mcp.ToolUseContent{ID: "1", Name: "x", Input: emptyObject},
		}}, nil
	}}
	r := handle(t, clientSide{handler: a, capabilities: everything}, func(ctx context.Context) error {
		p := question1()
		p.ModelPreferences = &mcp.ModelPreferences{Hints: []mcp.ModelHint{{Name: "large"}}, SpeedPriority: new(0.5)}
		p.Tools = []mcp.Tool{{Name: "x", InputSchema: wire.MustRaw(`{"type":"object"}`)}}
		p.ToolChoice = &mcp.ToolChoice{Mode: mcp.ToolChoiceModeRequired}
		answer, err := Sample(ctx, "first", p)
		require.NoError(t, err)
		require.Len(t, answer.Content, 2)
		_, err = Sample(ctx, "first", p)
		require.EqualError(t, err, `sampling/createMessage: the key "first" was used before in this call: each question and side effect needs one of its own`)
		_, err = Sample(ctx, "", p)
		require.EqualError(t, err, `sampling/createMessage: the key is empty: expected one that is unique within the call`)

		p.Messages = append(p.Messages, mcp.SamplingMessage{Role: mcp.RoleAssistant, Content: answer.Content})
		_, err = Sample(ctx, "open", p)
		require.EqualError(t, err, `sampling/createMessage "open" was not sent: the last message has the tool use "1", whose result is missing`)
		result := &mcp.ToolResultContent{ToolUseID: "1"}
		p.Messages = append(p.Messages, mcp.SamplingMessage{Role: mcp.RoleUser, Content: []mcp.SamplingMessageContentBlock{result, &mcp.TextContent{Text: "and"}}})
		_, err = Sample(ctx, "mixed", p)
		require.EqualError(t, err, `sampling/createMessage "mixed" was not sent: message 2 has tool results and other content: expected results only`)
		p.Messages[2].Content = []mcp.SamplingMessageContentBlock{result}
		_, err = Sample(ctx, "second", p)
		return err
	})
	require.Equal(t, "done", said(t, r))
	require.Contains(t, a.asked[0], `"toolChoice":{"mode":"required"}`)
	require.Contains(t, a.asked[0], `"modelPreferences":{"hints":[{"name":"large"}],"speedPriority":0.5}`)
}

func TestAClientThatRefusesMakesAToolError(t *testing.T) {
	a := &answering{sample: func(context.Context, *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
		return nil, rpc.Errorf(-1, "the user said no")
	}}
	r := handle(t, clientSide{handler: a, capabilities: everything}, func(ctx context.Context) error {
		_, err := Sample(ctx, "k", question1())
		require.EqualValues(t, -1, rpc.CodeOf(err))
		return fmt.Errorf("no text: %w", err)
	})
	require.True(t, r.IsError)
	require.Equal(t, `no text: sampling/createMessage "k": the user said no (code -1)`, said(t, r))
}

func TestQuestionsTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ticks int
		a := &answering{sample: func(ctx context.Context, p *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
			for i := range ticks {
				select {
				case <-ctx.Done():
					return nil, ctx.Err()
				case <-time.After(50 * time.Second):
					_ = rpc.SessionFrom(ctx).Notify(ctx, mcp.MethodProgress, &mcp.ProgressParams{ProgressToken: p.Meta.ProgressToken, Progress: float64(i + 1)})
				}
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		for ticks = range 3 {
			began := time.Now()
			r := handle(t, clientSide{handler: a, capabilities: everything}, func(ctx context.Context) error {
				_, err := Sample(ctx, "k", question1())
				require.ErrorIs(t, err, context.DeadlineExceeded)
				return err
			})
			require.Equal(t, `sampling/createMessage "k": the client did not answer within 1m0s`, said(t, r))
			require.Equal(t, time.Minute+time.Duration(ticks)*50*time.Second, time.Since(began).Truncate(time.Second), "progress starts the time anew")
		}
		ticks = 100
		began := time.Now()
		r := handle(t, clientSide{handler: a, capabilities: everything}, func(ctx context.Context) error {
			_, err := Sample(ctx, "k", question1())
			return err
		})
		require.Contains(t, said(t, r), "the client did not answer within 10m0s, progress or not")
		require.Equal(t, 10*time.Minute, time.Since(began).Truncate(time.Second))
	})
}

func TestElicitationTimesOutAndTheTimesCanBeChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{elicit: func(ctx context.Context, _ mcp.ElicitParams) (*mcp.ElicitResult, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		elapsed := func(opts ...Option) time.Duration {
			began := time.Now()
			r := handle(t, clientSide{handler: a, capabilities: everything}, func(ctx context.Context) error {
				_, err := Elicit[greeting](ctx, "k", "m")
				return err
			}, opts...)
			require.True(t, r.IsError)
			return time.Since(began).Truncate(time.Second)
		}
		require.Equal(t, 10*time.Minute, elapsed())
		require.Equal(t, 3*time.Second, elapsed(Timeouts(AskTimeouts{Elicitation: 3 * time.Second})))
	})
}

func TestAQuestionEndsWithTheCall(t *testing.T) {
	asked := make(chan struct{})
	ended := make(chan error, 1)
	a := &answering{elicit: func(ctx context.Context, _ mcp.ElicitParams) (*mcp.ElicitResult, error) {
		close(asked)
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	s := New("v", "1")
	AddTool(s, "t", "", func(ctx context.Context, _ struct{}) (string, error) {
		_, err := Elicit[greeting](ctx, "k", "m")
		ended <- err
		return "", err
	})
	p := connect(t, s, clientSide{handler: a, capabilities: everything})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := p.tryCall(ctx, "t", "")
		done <- err
	}()
	<-asked
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.ErrorIs(t, <-ended, rpc.ErrCancelled)
}

func TestOnce(t *testing.T) {
	r := handle(t, clientSide{}, func(ctx context.Context) error {
		n, err := Once(ctx, "pay", func(context.Context) (int, error) { return 5, nil })
		require.NoError(t, err)
		require.Equal(t, 5, n)
		_, err = Once(ctx, "pay", func(context.Context) (int, error) { panic("twice") })
		require.EqualError(t, err, `server.Once: the key "pay" was used before in this call: each question and side effect needs one of its own`)
		return nil
	})
	require.False(t, r.IsError)
}
