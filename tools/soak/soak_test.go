package main

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		playRole(role)
		return
	}
	os.Exit(m.Run())
}

// TestSoak is the short form of make soak: 1,000 sessions for 10 s.
func TestSoak(t *testing.T) {
	p := plan{Sessions: 1000, Processes: 2, Connections: 50, Addresses: 1, Rate: 0.05, Time: 10 * time.Second}
	if runtime.GOOS == "linux" {
		p.Addresses = 2
	}
	if testing.Short() {
		p.Sessions, p.Time = 200, time.Second
	}
	r, err := run(t.Context(), p, t.Output())
	require.NoError(t, err)
	t.Log("\n" + r.String())
	require.NoError(t, r.check(p))
}

func TestWhatIsWrongWithARunIsTold(t *testing.T) {
	p := plan{Sessions: 2}
	good := report{Sessions: 2, Calls: 1, Heard: 2, Server: serverStats{Sessions: 2}}
	require.NoError(t, good.check(p))
	for want, spoil := range map[string]func(*report){
		"1 of 2 sessions were opened":         func(r *report) { r.Sessions = 1 },
		"the server had 3 sessions of 2":      func(r *report) { r.Server.Sessions = 3 },
		"1 of 1 calls failed":                 func(r *report) { r.Failed = 1 },
		"no call was made":                    func(r *report) { r.Calls = 0 },
		"0 of 2 streams had the notification": func(r *report) { r.Heard = 0 },
	} {
		r := good
		spoil(&r)
		require.EqualError(t, r.check(p), want)
	}
}
