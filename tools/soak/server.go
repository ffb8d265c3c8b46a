package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
)

type question struct {
	Text string `json:"text"`
}

// serve is the server process.
func serve(p plan) error {
	s := server.New("soak", "1")
	server.AddTool(s, "echo", "Gives the text back.", func(_ context.Context, in question) (string, error) { return in.Text, nil })
	h := streamhttp.Handler(s)
	web := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	var urls []string
	for i := range p.Addresses {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.%d:0", i+1))
		if err != nil {
			return err
		}
		urls = append(urls, "http://"+l.Addr().String()+"/mcp")
		go func() { _ = web.Serve(l) }()
	}
	if err := answer("listening", urls); err != nil {
		return err
	}
	for order := range orders() {
		switch order {
		case "stats":
			if err := answer("stats", stats(s)); err != nil {
				return err
			}
		case "tell":
			server.AddTool(s, "late", "Shows that lists change.", func(context.Context, struct{}) (string, error) { return "", nil })
		}
	}
	return web.Close() // its connections end with it: the clients have gone
}

func stats(s *server.Server) serverStats {
	r := serverStats{Goroutines: runtime.NumGoroutine()}
	for range s.Sessions() {
		r.Sessions++
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.Heap = m.HeapInuse
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				r.Resident = n << 10
			}
		}
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		r.Descriptors = len(open)
	}
	return r
}
