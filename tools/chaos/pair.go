package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
)

var quiet = slog.New(slog.DiscardHandler)

// job is what a call asks for.
type job struct {
	Token string `json:"token"`
	Kind  string `json:"kind"`
}

// Kinds of jobs.
const (
	kindEcho = "echo" // an answer at once
	kindSlow = "slow" // ... after progress
	kindAsk  = "ask"  // ... after asking the client
	kindFail = "fail" // an error
)

var kinds = []string{kindEcho, kindEcho, kindSlow, kindAsk, kindFail}

// newServer makes the server that all pairs share, each with a session of its own.
func newServer(j *journal) *server.Server {
	s := server.New("chaos", "1", server.Logger(quiet))
	server.AddTool(s, "job", "Does what it is asked for.", func(ctx context.Context, in job) (string, error) {
		p, _ := rpc.PrincipalFrom(ctx)
		pair, _ := strconv.Atoi(p.ID)
		j.note(pair, entryRun, in.Token, "")
		defer j.note(pair, entryRan, in.Token, "")
		switch in.Kind {
		case kindSlow:
			for i := range 3 {
				server.Progress(ctx, float64(i+1), 3, in.Token)
				select {
				case <-time.After(rand.N(20 * time.Millisecond)):
				case <-ctx.Done():
					return "", context.Cause(ctx)
				}
			}
		case kindAsk:
			said, err := server.Sample(ctx, "q", &mcp.CreateMessageParams{MaxTokens: 1, Messages: []mcp.SamplingMessage{{
				Role: mcp.RoleUser, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: in.Token}},
			}}})
			if err != nil {
				return "", err
			}
			if text, ok := said.Content[0].(*mcp.TextContent); ok {
				j.note(pair, entryAnswer, in.Token, text.Text)
			}
		case kindFail:
			return "", errors.New("as you wish")
		}
		return in.Token, nil
	})
	return s
}

// asPair gives ctx for a pair's session.
func asPair(ctx context.Context, pair int) context.Context {
	return rpc.WithPrincipal(ctx, rpc.Principal{ID: strconv.Itoa(pair)})
}

// lines is a transport of lines through a relay, to a session of the server.
type lines struct {
	pair   int
	server *server.Server
	faults *faults
}

func (l lines) Connect(_ context.Context, s *rpc.Session) (rpc.Conn, error) {
	c := &lineConn{session: s}
	ours, a := net.Pipe()
	b, theirs := net.Pipe()
	ctx := asPair(context.Background(), l.pair)
	limits := rpc.LineLimits{DrainTime: time.Second}
	conn := rpc.NewLineConn(ours, ours, limits)
	s.Attach(rpc.Link{Stream: conn, Transport: "chaos"})
	c.work.Go(func() { lineRelay(a, b, l.faults) })
	c.work.Go(func() { defer close2(theirs); _ = stdio.Over(theirs, theirs, stdio.WithLimits(limits))(ctx, l.server) })
	c.work.Go(func() { defer close2(ours); _ = conn.Run(ctx, s) })
	return c, nil
}

func close2(c net.Conn) { _ = c.Close() }

type lineConn struct {
	session *rpc.Session
	work    sync.WaitGroup
}

func (c *lineConn) Close() error {
	c.session.Close(nil)
	c.work.Wait()
	return nil
}

// web serves the server over HTTP, behind a relay, to pairs that say by a header who they are.
func web(s *server.Server, f *faults) (url string, end func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	h := streamhttp.Handler(s, streamhttp.WithLogger(quiet), streamhttp.WithLimits(streamhttp.Limits{RetryTime: 20 * time.Millisecond, IdleTime: 5 * time.Second}))
	service := &http.Server{ErrorLog: slog.NewLogLogger(quiet.Handler(), slog.LevelError), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pair, _ := strconv.Atoi(r.Header.Get("X-Pair"))
		h.ServeHTTP(w, r.WithContext(asPair(r.Context(), pair)))
	})}
	go func() { _ = service.Serve(l) }()
	relay, err := newByteRelay(l.Addr().String(), f)
	if err != nil {
		return "", nil, err
	}
	return "http://" + relay.l.Addr().String() + "/", func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = h.Shutdown(ctx)
		relay.close()
		_ = service.Close()
	}, nil
}

// pair is a client and what it does.
type pair struct {
	n         int
	transport rpc.Transport
	journal   *journal
	callers   int
}

// run opens sessions, one after another, and calls on them until ctx ends.
func (p *pair) run(ctx context.Context) {
	var numbers [64]int
	for ctx.Err() == nil {
		c, err := p.dial()
		if err != nil {
			p.journal.note(p.n, entryNoDial, "", err.Error())
			continue
		}
		p.journal.note(p.n, entryDial, "", "")
		var work sync.WaitGroup
		for i := range p.callers {
			work.Go(func() {
				for ctx.Err() == nil && c.Session().Context().Err() == nil {
					numbers[i]++
					p.call(ctx, c, tokenOf(p.n, i, numbers[i]))
				}
			})
		}
		work.Wait()
		_ = c.Close()
	}
}

// Times that a client waits.
const (
	dialTime = 2 * time.Second
	callTime = 800 * time.Millisecond // at most; often far less
)

func (p *pair) dial() (*client.Client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTime)
	defer cancel()
	return client.Dial(ctx, client.Info("chaos", "1"), p.transport, client.WithLogger(quiet), client.WithoutOutputValidation(), client.WithoutReconnect(),
		client.OnSample(func(_ context.Context, params *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
			text, _ := params.Messages[0].Content[0].(*mcp.TextContent)
			if text == nil {
				return nil, errors.New("no text")
			}
			p.journal.note(p.n, entryAsked, text.Text, "")
			return &mcp.CreateMessageResult{Model: "m", Role: mcp.RoleAssistant, Content: []mcp.SamplingMessageContentBlock{text}}, nil
		}))
}

// call makes one call and notes how it ends.
func (p *pair) call(ctx context.Context, c *client.Client, token string) {
	within := callTime
	if rand.IntN(4) == 0 {
		within = rand.N(30 * time.Millisecond) // it is given up while it runs
	}
	// The end of the run gives nothing up: every call comes to its own end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	p.journal.note(p.n, entryCall, token, "")
	got, err := client.CallTool[string](ctx, c, "job", job{token, kinds[rand.IntN(len(kinds))]}, client.OnProgress(func(r rpc.Progress) {
		p.journal.note(p.n, entryProgress, token, r.Message)
	}))
	switch {
	case err == nil:
		p.journal.note(p.n, entryResult, token, got)
	case errors.Is(err, context.DeadlineExceeded):
		p.journal.note(p.n, entryCancelled, token, "")
	default:
		p.journal.note(p.n, entryError, token, fmt.Sprint(err))
	}
}
