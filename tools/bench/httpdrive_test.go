package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/tools/bench/servers/catalogue"
	"github.com/tenonmcp/tenon/tools/bench/servers/web"
)

// serveHTTP answers as a right server does, except for what b says after "http ".
func serveHTTP(b string) {
	if b == "http refuses to start" {
		fmt.Fprintln(os.Stderr, "the address is in use")
		os.Exit(5)
	}
	err := web.Serve("self", "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			ID     int    `json:"id"`
			Method string `json:"method"`
		}
		text, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Mcp-Session-Id", "one")
		var answer []byte
		switch m.Method {
		case "initialize":
			answer = []byte(`{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}`)
		case "notifications/initialized":
			w.WriteHeader(http.StatusAccepted)
			return
		case "tools/list":
			answer = catalogue.Answer(m.ID)
		default:
			answer = appendAnswer(nil, m.ID-firstID)
		}
		last := m.ID == firstID+19
		switch {
		case r.Header.Get("Mcp-Session-Id") != "one" && m.Method != "initialize":
			http.Error(w, "no session", http.StatusBadRequest)
			return
		case last && b == "http mixes up":
			answer = appendAnswer(nil, 0)
		case last && b == "http fails":
			http.Error(w, "out of luck", http.StatusInternalServerError)
			return
		case m.ID == firstID && b == "http lists less":
			answer = []byte(strings.Replace(string(answer), `"name":"update_record07"`, `"name":"update_record08"`, 1))
		case b == "http streams":
			answer = fmt.Appendf(nil, "id: 1\ndata:\n\nid: 2\nevent: message\ndata: %s\n\n", strings.TrimSpace(string(answer)))
		}
		_, _ = w.Write(answer)
	}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestDriveHTTP(t *testing.T) {
	for _, c := range []struct {
		behaviour, what string
		sessions        int
		err             string
	}{
		{behaviour: "http right", what: httpCall, sessions: 1},
		{behaviour: "http right", what: httpCall, sessions: 8},
		{behaviour: "http right", what: httpList, sessions: 2},
		{behaviour: "http streams", what: httpCall, sessions: 2},
		{behaviour: "http streams", what: httpList, sessions: 2},
		{behaviour: "http mixes up", what: httpCall, sessions: 2, err: "want the id 1000019"},
		{behaviour: "http fails", what: httpCall, sessions: 2, err: "out of luck"},
		{behaviour: "http lists less", what: httpList, sessions: 2, err: `the tool "update_record08" is another than that`},
		{behaviour: "http refuses to start", what: httpCall, sessions: 2, err: "the address is in use"},
	} {
		t.Run(fmt.Sprint(c.behaviour, " ", c.what, " ", c.sessions), func(t *testing.T) {
			t.Setenv(behaviour, c.behaviour)
			self := racer{contender: contender{name: "self"}, binary: os.Args[0]}
			s, err := driveHTTP(context.Background(), self, 20, load{inFlight: c.sessions, what: c.what}, time.Minute)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, 20, s.calls)
			require.Len(t, s.trips, 20)
			require.Positive(t, s.cpu)
			require.Positive(t, s.wall)
		})
	}
}

// TestTheCatalogueIsAsLargeAsSaid: the lists that are raced are those of the goal.
func TestTheCatalogueIsAsLargeAsSaid(t *testing.T) {
	require.InDelta(t, 33<<10, sizeOf(httpList), 1<<10)
	require.NoError(t, checkList(catalogue.Answer(firstID+3), 3))
}

func TestParseHTTP(t *testing.T) {
	s, err := parse([]string{"-http", "list", "-servers", "bare,tenon"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, []load{{inFlight: 8, what: httpList}}, s.loads)
	require.Equal(t, []string{"-http", "127.0.0.1:0", fmt.Sprint(sizeOf(httpList))}, s.servers[0].args)
	require.Equal(t, "./servers/tenon", s.servers[1].pkg)
	_, err = parse([]string{"-http", "calls"}, io.Discard)
	require.ErrorContains(t, err, `-http is "calls", want call or list`)
	_, err = parse([]string{"-http", "call", "-burst"}, io.Discard)
	require.ErrorContains(t, err, "-burst is for stdio only")
}
