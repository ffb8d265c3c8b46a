package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// errNotMeasured says that a server has no such figure.
var errNotMeasured = errors.New("not measured")

// binarySize gives the size of the smallest server.
func binarySize(_ context.Context, r racer, _ *work, _ time.Duration) (sample, error) {
	if r.name == "typescript" {
		return sample{}, errNotMeasured // a script: the program is Node
	}
	info, err := os.Stat(r.hello[0])
	if err != nil {
		return sample{}, err
	}
	return sample{bytes: info.Size()}, nil
}

// settleTime is how long a server is left alone before its memory is read.
const settleTime = 3 * time.Second

// idleSessions opens sessions with an open stream each, and reports by how much the server's resident memory grew, divided
// by their number. The POST requests of all share one connection. If w has calls each session makes one.
func idleSessions(ctx context.Context, r racer, w *work, limit time.Duration) (sample, error) {
	args, err := httpArgs(r, w)
	if err != nil {
		return sample{}, err
	}
	c, err := start(ctx, limit, true, r.command, args...)
	if err != nil {
		return sample{}, err
	}
	grown, err := openIdle(c, r.blind, w)
	_, err = c.end(err)
	return sample{bytes: grown / int64(w.flight)}, err
}

func openIdle(c *child, blind bool, w *work) (int64, error) {
	post, err := dialHTTP(c.ctx, blind, c.address)
	if err != nil {
		return 0, err
	}
	defer func() { _ = post.conn.Close() }()
	var streams []net.Conn
	defer func() {
		for _, s := range streams {
			_ = s.Close()
		}
	}()
	var before int64
	const warm = 10 // sessions before the first reading
	for i := range w.flight + warm {
		if i == warm {
			time.Sleep(settleTime / 3)
			if before, err = c.resident(); err != nil {
				return 0, err
			}
		}
		if err := post.initialize(); err != nil {
			return 0, fmt.Errorf("session %d: %w", i, err)
		}
		if w.calls > 0 {
			if err := post.do(i, w); err != nil {
				return 0, fmt.Errorf("session %d: %w", i, err)
			}
		}
		stream, err := openStream(c.ctx, c.address, string(post.head))
		if err != nil {
			return 0, fmt.Errorf("stream %d: %w", i, err)
		}
		streams = append(streams, stream)
	}
	time.Sleep(settleTime)
	after, err := c.resident()
	return after - before, errors.Join(err, post.check(w.req))
}

// openStream opens a session's own stream, with the head of its requests, and reads the head of the response.
func openStream(ctx context.Context, address, head string) (net.Conn, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	_, fields, _ := strings.Cut(head, "\r\n")
	fields = strings.Replace(fields, "Content-Type: application/json\r\n", "", 1)
	fields = strings.Replace(fields, "application/json, text/event-stream", "text/event-stream", 1)
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\n%s\r\n", u.Path, fields); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, 1<<10), nil)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", response.Status)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}
