package main

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestFlowInABrowser is TestFlow with a real browser: headless Chromium shows the page, and the user types into it.
func TestFlowInABrowser(t *testing.T) {
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if at, err := exec.LookPath(name); err == nil {
			program = at
			break
		}
	}
	if program == "" {
		t.Skip("there is no chromium, chromium-browser or google-chrome on the PATH; TestFlow does the same without one")
	}
	folder, err := os.MkdirTemp("", "authserver")
	require.NoError(t, err)
	allocator, stop := chromedp.NewExecAllocator(t.Context(), chromedp.ExecPath(program), chromedp.UserDataDir(folder), chromedp.WSURLReadTimeout(time.Minute),
		chromedp.Flag("headless", true), chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-first-run", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true))
	defer func() {
		stop()
		// its helper processes may end, and write their files, a moment after it
		require.Eventually(t, func() bool { return os.RemoveAll(folder) == nil }, 30*time.Second, 50*time.Millisecond)
	}()
	tab, closeTab := chromedp.NewContext(allocator, chromedp.WithErrorf(t.Logf))
	defer closeTab()
	defer func() { require.NoError(t, chromedp.Cancel(tab)) }()
	require.NoError(t, chromedp.Run(tab), "the browser does not start")

	issuer := start(t)
	p := protect(t, jwt(issuer))
	var client, scopes, end string
	visited := make(chan error, 2)
	user := func(_ context.Context, at string) error {
		go func() {
			visited <- chromedp.Run(tab,
				chromedp.Navigate(at),
				chromedp.WaitVisible("#name"),
				chromedp.Text("#client", &client),
				chromedp.Text("#scopes", &scopes),
				chromedp.SendKeys("#name", "ada"),
				chromedp.SendKeys("#password", "lovelace"),
				chromedp.Click("#allow"),
				chromedp.WaitNotPresent("#allow"),
				chromedp.Text("body", &end),
			)
		}()
		return nil
	}
	s, err := connect(t, p, user)
	require.NoError(t, err)
	require.NoError(t, <-visited)
	require.Equal(t, "MCP client", client)
	require.Equal(t, "mcp:use", scopes)
	require.Contains(t, end, "signed in")
	who, err := s.call(t, "whoami")
	require.NoError(t, err)
	require.Equal(t, issuer+"#ada", who)

	_, err = s.call(t, "delete")
	require.NoError(t, err)
	require.NoError(t, <-visited)
	require.Contains(t, scopes, "files:write")
}
