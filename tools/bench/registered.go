package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tenonmcp/tenon/tools/bench/servers/fixture"
)

// registered are how many tools are registered; of resources there are ten times as many.
var registered = []int{100, 1_000, 10_000}

// page asks for a page of a list, from the middle of it.
type page struct{ method, cursor string }

func (p page) append(dst []byte, i int) []byte {
	return fmt.Appendf(appendRequest(dst, i, p.method), `,"params":{"cursor":%q}}`, p.cursor)
}

func (p page) answer(dst []byte, i int) []byte { return appendResult(dst, i) } // bare does not take part

func (p page) check(messages [][]byte, i int) error {
	r, err := responseTo(messages, i)
	if err != nil {
		return err
	}
	if n := len(r.Result.Tools) + len(r.Result.Resources); n != fixture.ManyPage {
		return fmt.Errorf("a page of %d, want %d", n, fixture.ManyPage)
	}
	return nil
}

// manyCall calls one of many tools.
type manyCall struct {
	greet
	tool string
}

func (m manyCall) append(dst []byte, i int) []byte {
	dst = append(appendCall(dst, i, m.tool), `,"arguments":{"name":"caller `...)
	return append(strconv.AppendInt(dst, int64(firstID+i), 10), `"}}}`...)
}

// middlePage reads a list up to its middle and gives the request for the page there.
func middlePage(c *httpSession, method string) (page, error) {
	var cursors []string
	for cursor := ""; ; {
		ask := page{method, cursor}.append(nil, 0)
		if cursor == "" {
			ask = append(appendRequest(nil, 0, method), '}')
		}
		body, _, err := c.post(ask, http.StatusOK)
		if err != nil {
			return page{}, err
		}
		r, err := responseTo(messages(body), 0)
		if err != nil {
			return page{}, err
		}
		if cursor = r.Result.NextCursor; cursor == "" {
			break
		}
		cursors = append(cursors, cursor)
	}
	if len(cursors) == 0 {
		return page{}, fmt.Errorf("%s has one page only", method)
	}
	return page{method, cursors[(len(cursors)-1)/2]}, nil
}

// runRegistered measures whether lists and calls depend on how much is registered, and what that takes. Tenon alone takes
// part: of the others one has no pages, and bare no tools.
func runRegistered(ctx context.Context, s settings, racers []racer, out, progress io.Writer) (map[string][]byte, error) {
	at := slices.IndexFunc(racers, func(r racer) bool { return r.name == "tenon" })
	if at < 0 {
		return nil, errors.New("the server tenon is needed")
	}
	figures := []string{"`tools/list`, a page", "`resources/list`, a page", "`tools/call`"}
	cpu := make([][]sample, len(figures)*len(registered))
	resident := make([][]int64, len(registered))
	for round := range s.rounds {
		for i, n := range registered {
			fmt.Fprintf(progress, "round %d of %d: %s tools, %s resources\n", round+1, s.rounds, thousands(n), thousands(10*n))
			one, bytes, err := manyRegistered(ctx, racers[at], n, s)
			if err != nil {
				return nil, err
			}
			resident[i] = append(resident[i], bytes)
			for f := range figures {
				cpu[f*len(registered)+i] = append(cpu[f*len(registered)+i], one[f])
			}
		}
	}
	fmt.Fprintf(out, "One tenon server, pages of %d out of the middle of the list, 8 sessions over HTTP; medians of %d rounds, CPU per request. The goal: flat.\n\n", fixture.ManyPage, s.rounds)
	fmt.Fprint(out, "| |")
	for _, n := range registered {
		fmt.Fprintf(out, " %s tools, %s resources |", thousands(n), thousands(10*n))
	}
	fmt.Fprint(out, "\n|---|--:|--:|--:|\n")
	for f, name := range figures {
		fmt.Fprintf(out, "| %s |", name)
		for i := range registered {
			fmt.Fprintf(out, " %s |", cpuTime.show(middle(cpu[f*len(registered)+i], cpuTime)))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprint(out, "| resident memory |")
	for i := range registered {
		fmt.Fprintf(out, " %.1f MB |", float64(median(resident[i]))/1e6)
	}
	first, last := registered[0], registered[len(registered)-1]
	each := float64(median(resident[len(resident)-1])-median(resident[0])) / float64(11*(last-first))
	fmt.Fprintf(out, "\n\nMemory per item (a tool with its schemas, or a resource; one in eleven is a tool): %.2f KB.\n", each/1e3)
	return nil, nil
}

// manyRegistered starts a server with many tools and measures the figures.
func manyRegistered(ctx context.Context, r racer, n int, s settings) ([]sample, int64, error) {
	c, err := start(ctx, s.timeout, true, r.command, "-http", "127.0.0.1:0", "-many", strconv.Itoa(n))
	if err != nil {
		return nil, 0, err
	}
	got, resident, err := manyFigures(c, n, s.scaled(8_000))
	_, err = c.end(err)
	return got, resident, err
}

func manyFigures(c *child, n, calls int) ([]sample, int64, error) {
	time.Sleep(settleTime / 3)
	resident, err := c.resident()
	if err != nil {
		return nil, 0, err
	}
	sessions, err := openMany(c, false, callers)
	defer closeAll(sessions)
	if err != nil {
		return nil, 0, err
	}
	tools, err := middlePage(sessions[0], "tools/list")
	if err != nil {
		return nil, 0, err
	}
	resources, err := middlePage(sessions[0], "resources/list")
	if err != nil {
		return nil, 0, err
	}
	var all []sample
	for _, req := range []request{tools, resources, manyCall{tool: fixture.ManyTool(n / 2)}} {
		one, err := turns(c, sessions, &work{req: req, calls: calls})
		if err != nil {
			return nil, 0, fmt.Errorf("%T: %w", req, err)
		}
		all = append(all, one)
	}
	return all, resident, nil
}
