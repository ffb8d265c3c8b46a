package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

const (
	openers   = 32               // sessions that a process opens at a time
	openTime  = 30 * time.Second // for one session
	callTime  = 30 * time.Second // for one call
	hearTime  = time.Minute      // for the notification on all streams
	mostShown = 5                // errors that are reported
	tick      = 20 * time.Millisecond
)

// caller is a client process: many sessions, their calls over a few connections.
type caller struct {
	p       plan
	clients []*client.Client
	heard   atomic.Int64
	all     chan struct{} // closed when every stream had the notification

	mu    sync.Mutex
	stats clientStats
}

// split sends what listens over connections of its own and calls over a bounded number of shared ones.
type split struct{ calls, streams http.RoundTripper }

func (s split) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return s.streams.RoundTrip(r)
	}
	return s.calls.RoundTrip(r)
}

// call is the client process.
func call(p plan) error {
	c := &caller{p: p, all: make(chan struct{})}
	if err := c.open(); err != nil {
		return err
	}
	if err := answer("open", nil); err != nil {
		return err
	}
	for order := range orders() {
		switch order {
		case "call":
			c.callAll()
			if err := answer("called", nil); err != nil {
				return err
			}
		case "finish":
			select {
			case <-c.all:
			case <-time.After(hearTime):
			}
			c.mu.Lock()
			c.stats.Sessions, c.stats.Heard = len(c.clients), int(c.heard.Load())
			err := answer("finished", c.stats)
			c.mu.Unlock()
			if err != nil {
				return err
			}
		}
	}
	return nil // the sessions end as this process does: without a word
}

// open opens the process's share of the sessions.
func (c *caller) open() error {
	perHost := max(c.p.Connections/c.p.Processes/len(c.p.URLs), 1)
	shared := &http.Client{Transport: split{
		calls:   &http.Transport{MaxConnsPerHost: perHost, MaxIdleConnsPerHost: perHost},
		streams: &http.Transport{MaxIdleConnsPerHost: -1},
	}}
	c.clients = make([]*client.Client, c.p.Share)
	next := atomic.Int64{}
	failed := make(chan error, openers)
	var work sync.WaitGroup
	for range openers {
		work.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(c.clients) {
					return
				}
				ctx, cancel := context.WithTimeout(context.Background(), openTime)
				var err error
				c.clients[i], err = client.Dial(ctx, client.Info("soak", "1"), streamhttp.Connect(c.p.URLs[i%len(c.p.URLs)], streamhttp.WithClient(shared)),
					client.OnToolsChanged(c.hear), client.WithoutOutputValidation())
				cancel()
				if err != nil {
					failed <- fmt.Errorf("session %d: %w", i, err)
					return
				}
			}
		})
	}
	work.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func (c *caller) hear(context.Context) {
	if c.heard.Add(1) == int64(len(c.clients)) {
		close(c.all)
	}
}

// callAll makes calls on random sessions at the rate of the plan, and waits for their ends.
func (c *caller) callAll() {
	var calls sync.WaitGroup
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	began, due := time.Now(), 0
	for now := range ticker.C {
		passed := now.Sub(began)
		if passed >= c.p.Time {
			break
		}
		for total := int(passed.Seconds() * c.p.Rate * float64(len(c.clients))); due < total; due++ {
			n := rand.IntN(len(c.clients))
			calls.Go(func() { c.one(n, fmt.Sprint(n, " ", due)) })
		}
	}
	calls.Wait()
}

// one makes one call.
func (c *caller) one(n int, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	began := time.Now()
	got, err := client.CallTool[string](ctx, c.clients[n], "echo", question{text})
	took := time.Since(began)
	if err == nil && got != text {
		err = errors.New("the answer was " + got + ", expected " + text)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Calls++
	c.stats.Times = append(c.stats.Times, took)
	if err != nil {
		c.stats.Failed++
		if len(c.stats.Errors) < mostShown {
			c.stats.Errors = append(c.stats.Errors, err.Error())
		}
	}
}
