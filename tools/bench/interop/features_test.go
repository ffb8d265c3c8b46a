package interop

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// feature is one thing that client and server do together.
type feature struct {
	name string
	test func(t *testing.T, u user, d *diary)
}

// TestFeatures has every pair do everything, in one session.
func TestFeatures(t *testing.T) {
	for _, p := range pairs() {
		t.Run(p.String(), func(t *testing.T) {
			d := newDiary()
			u := meet(t, p, d, "")
			require.Equal(t, p.server, u.Server())
			require.Equal(t, "2025-11-25", u.Version())
			for _, f := range features {
				t.Run(f.name, func(t *testing.T) {
					d.clear()
					test := f.test
					if other := deviates(p, f.name); other != nil {
						t.Log(other.why)
						if other.test == nil {
							t.Skip("they do not do it")
						}
						test = other.test
					}
					test(t, u, d)
				})
			}
		})
	}
}

var features = []feature{
	{"ping", func(t *testing.T, u user, _ *diary) { require.NoError(t, u.Ping(t.Context())) }},
	{"ping from the server", says("pingback", nil, "pong")},
	{"list of tools, in pages", func(t *testing.T, u user, _ *diary) {
		got, err := u.Tools(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, toolNames, got)
	}},
	{"text result", says("greet", map[string]any{"name": "Ada"}, "hello, Ada")},
	{"structured result", func(t *testing.T, u user, _ *diary) {
		r, err := u.Call(t.Context(), "weather", map[string]any{"city": "Oslo"}, false)
		require.NoError(t, err)
		require.JSONEq(t, `{"temperature":22.5,"conditions":"fair"}`, r.Structured)
		require.JSONEq(t, r.Structured, r.Text)
	}},
	{"every kind of content", func(t *testing.T, u user, _ *diary) {
		r, err := u.Call(t.Context(), "media", nil, false)
		require.NoError(t, err)
		require.Equal(t, []string{"text", "image", "audio", "resource_link", "resource"}, r.Kinds)
	}},
	{"tool that fails", func(t *testing.T, u user, _ *diary) {
		r, err := u.Call(t.Context(), "fail", nil, false)
		require.NoError(t, err)
		require.True(t, r.IsError)
		require.Contains(t, r.Text, "it failed")
	}},
	{"arguments that do not fit", func(t *testing.T, u user, _ *diary) {
		r, err := u.Call(t.Context(), "greet", map[string]any{"name": 5}, false)
		require.NoError(t, err)
		require.True(t, r.IsError)
		require.Contains(t, r.Text, "name")
	}},
	{"unknown tool", func(t *testing.T, u user, _ *diary) {
		_, err := u.Call(t.Context(), "nothing", nil, false)
		require.EqualValues(t, -32602, u.Code(err), "%v", err)
	}},
	{"progress", func(t *testing.T, u user, d *diary) {
		says("count", map[string]any{"to": 3}, "done")(t, u, d)
		r, err := u.Call(t.Context(), "count", map[string]any{"to": 3}, true)
		require.NoError(t, err)
		require.Equal(t, "done", r.Text)
		for i := range 3 {
			d.wait(t, fmt.Sprintf("progress %d/3 counting", i+1))
		}
		require.Empty(t, d.all(), "without a token there is no progress")
	}},
	{"cancellation", testCancellation},
	{"resources", func(t *testing.T, u user, _ *diary) {
		got, err := u.Resources(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, []string{textURI, blobURI}, got)
		text, err := u.Read(t.Context(), textURI)
		require.NoError(t, err)
		require.Equal(t, contents{URI: textURI, MIME: "text/plain", Text: "plain"}, text)
		bytes, err := u.Read(t.Context(), blobURI)
		require.NoError(t, err)
		require.Equal(t, contents{URI: blobURI, MIME: "application/octet-stream", Blob: blob}, bytes)
	}},
	{"resource templates", func(t *testing.T, u user, _ *diary) {
		got, err := u.Templates(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{itemTemplate}, got)
		item, err := u.Read(t.Context(), "test:///item/7")
		require.NoError(t, err)
		require.Equal(t, contents{URI: "test:///item/7", MIME: "text/plain", Text: "item 7"}, item)
	}},
	{"resource that is not there", resourceNotFound(-32002)},
	{"subscription", func(t *testing.T, u user, d *diary) {
		require.NoError(t, u.Subscribe(t.Context(), textURI))
		require.True(t, eventually(func() bool {
			says("touch", map[string]any{"uri": textURI}, "touched")(t, u, d)
			return d.within(time.Second/2, "updated "+textURI)
		}), "no update was heard of: %q", d.all())
		require.NoError(t, u.Unsubscribe(t.Context(), textURI))
		d.clear()
		says("touch", map[string]any{"uri": textURI}, "touched")(t, u, d)
		require.NoError(t, u.Ping(t.Context()))
		require.False(t, d.take("updated "+textURI))
	}},
	{"prompts", func(t *testing.T, u user, _ *diary) {
		got, err := u.Prompts(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"praise", "picture"}, got)
		messages, err := u.Prompt(t.Context(), "praise", map[string]string{"who": "Ada", "style": "formal"})
		require.NoError(t, err)
		require.Equal(t, []string{"user: praise Ada formal"}, messages)
		messages, err = u.Prompt(t.Context(), "picture", nil)
		require.NoError(t, err)
		require.Equal(t, []string{"user: image", "assistant: nice"}, messages)
	}},
	{"unknown prompt", func(t *testing.T, u user, _ *diary) {
		_, err := u.Prompt(t.Context(), "nothing", nil)
		require.EqualValues(t, -32602, u.Code(err), "%v", err)
	}},
	{"completion", func(t *testing.T, u user, _ *diary) {
		got, err := u.CompletePrompt(t.Context(), "praise", "style", "f", nil)
		require.NoError(t, err)
		require.Equal(t, []string{"formal", "friendly"}, got)
		got, err = u.CompletePrompt(t.Context(), "praise", "style", "fa", map[string]string{"who": "Ada"})
		require.NoError(t, err)
		require.Equal(t, []string{"famous"}, got)
		got, err = u.CompleteTemplate(t.Context(), itemTemplate, "id", "al")
		require.NoError(t, err)
		require.Equal(t, []string{"alpha"}, got)
	}},
	{"logging", func(t *testing.T, u user, d *diary) {
		require.NoError(t, u.SetLevel(t.Context(), "warning"))
		says("log", map[string]any{"level": "info", "text": "quiet"}, "logged")(t, u, d)
		says("log", map[string]any{"level": "error", "text": "loud"}, "logged")(t, u, d)
		d.wait(t, "log error loud")
		require.Empty(t, d.all())
	}},
	{"sampling", says("ask", map[string]any{"prompt": "hear me"}, "HEAR ME")},
	{"sampling with tools", says("asktools", map[string]any{"prompt": "add"}, `adder {"a":1,"b":2}`)},
	{"elicitation, accepted", func(t *testing.T, u user, _ *diary) {
		r, err := u.Call(t.Context(), "form", map[string]any{"message": "accept"}, false)
		require.NoError(t, err)
		require.False(t, r.IsError, r.Text)
		require.JSONEq(t, accepted, r.Text)
	}},
	{"elicitation, declined", says("form", map[string]any{"message": "decline"}, "decline")},
	{"elicitation, cancelled", says("form", map[string]any{"message": "cancel"}, "cancel")},
	{"elicitation by URL", func(t *testing.T, u user, d *diary) {
		says("visit", nil, "accept")(t, u, d)
		d.wait(t, "completed "+visitID)
	}},
	{"elicitation by URL that is required", func(t *testing.T, u user, _ *diary) {
		_, err := u.Call(t.Context(), "required", nil, false)
		require.EqualValues(t, -32042, u.Code(err), "%v", err)
	}},
	{"roots", func(t *testing.T, u user, d *diary) {
		says("roots", nil, firstRoot)(t, u, d)
		require.NoError(t, u.SetRoots(t.Context(), "file:///srv/second"))
		require.True(t, eventually(func() bool {
			r, err := u.Call(t.Context(), "rootschanges", nil, false)
			return err == nil && r.Text != "0"
		}))
		says("roots", nil, "file:///srv/second")(t, u, d)
	}},
	{"changes of lists", func(t *testing.T, u user, d *diary) {
		n := 0
		for _, list := range []string{"tools", "resources", "prompts"} {
			require.True(t, eventually(func() bool {
				n++
				says("grow", map[string]any{"n": n}, fmt.Sprint("extra", n))(t, u, d)
				return d.within(time.Second/2, list+" changed")
			}), "no change of %s was heard of: %q", list, d.all())
		}
		tools, err := u.Tools(t.Context())
		require.NoError(t, err)
		require.True(t, slices.Contains(tools, fmt.Sprint("extra", n)))
		says(fmt.Sprint("extra", n), nil, fmt.Sprint("extra", n))(t, u, d)
	}},
}

// says is the test that a tool answers with a text.
func says(tool string, arguments map[string]any, want string) func(*testing.T, user, *diary) {
	return func(t *testing.T, u user, _ *diary) {
		t.Helper()
		r, err := u.Call(t.Context(), tool, arguments, false)
		require.NoError(t, err)
		require.False(t, r.IsError, r.Text)
		require.Equal(t, want, r.Text)
	}
}

// resourceNotFound is the test that reading what is not there gives an error with the code.
func resourceNotFound(code int64) func(*testing.T, user, *diary) {
	return func(t *testing.T, u user, _ *diary) {
		for _, uri := range []string{"test:///nothing", "test:///item/none"} {
			_, err := u.Read(t.Context(), uri)
			require.EqualValues(t, code, u.Code(err), "%s: %v", uri, err)
		}
	}
}

// eventually tries until something holds, as long as patience goes.
func eventually(holds func() bool) bool {
	for start := time.Now(); time.Since(start) < patience; {
		if holds() {
			return true
		}
	}
	return false
}

func testCancellation(t *testing.T, u user, d *diary) {
	require.ErrorIs(t, cancelWait(t, u, d), context.Canceled)
	require.True(t, eventually(func() bool {
		r, err := u.Call(t.Context(), "cancelled", nil, false)
		return err == nil && r.Text == "1"
	}), "the server was not told")
}

// cancelWait calls wait, gives up once it runs, and gives the error of the call.
func cancelWait(t *testing.T, u user, d *diary) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := u.Call(ctx, "wait", nil, true)
		ended <- err
	}()
	d.wait(t, "progress 1/2 waiting")
	cancel()
	return <-ended
}
