package interop

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What every server of this package offers:
//
//	tools      greet(name), weather(city), media(), fail(), count(to), wait(), cancelled(), hold(poll), release(), log(level, text),
//	           ask(prompt), asktools(prompt), form(message), visit(), required(), roots(), rootschanges(),
//	           pingback(), grow(n), touch(uri)
//	resources  test:///text, test:///blob, template test:///item/{id}; all can be subscribed to
//	prompts    praise(who, style), picture()
//
// wait reports progress once and then waits for its cancellation, of which cancelled tells the number
// so far; hold reports progress once and then waits for release, for which our server can end the connection;
// grow adds a tool, a resource and a prompt named extraN; touch says that a resource changed.

// pageSize is how many entries a page of a list has, on every server: fewer than there are tools.
const pageSize = 5

var toolNames = []string{
	"ask", "asktools", "cancelled", "count", "fail", "form", "greet", "grow", "hold", "log", "media", "pingback",
	"release", "required", "roots", "rootschanges", "touch", "visit", "wait", "weather",
}

const (
	textURI      = "test:///text"
	blobURI      = "test:///blob"
	itemTemplate = "test:///item/{id}"
	visitURL     = "https://example.com/consent"
	visitID      = "visit-1"
	formSchema   = `{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0},` +
		`"color":{"type":"string","enum":["red","green"]},"agree":{"type":"boolean"}},"required":["name","age"]}`
	noArguments   = `{"type":"object","properties":{}}`
	adderSchema   = `{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a","b"]}`
	weatherSchema = `{"type":"object","properties":{"temperature":{"type":"number"},"conditions":{"type":"string"}},"required":["temperature","conditions"],"additionalProperties":false}`
)

// blob is the contents of blobURI, and of the image and the sound of media.
var blob = []byte{0, 1, 2, 0xfe, 0xff}

// user is what a client of any SDK does, in plain Go.
type user interface {
	// Version is the protocol's, as it was agreed on, and Server the server's name.
	Version() string
	Server() string
	Ping(ctx context.Context) error
	Tools(ctx context.Context) ([]string, error)
	// Call calls a tool. Progress that is asked for is noted as "progress DONE/TOTAL MESSAGE".
	Call(ctx context.Context, tool string, arguments map[string]any, progress bool) (reply, error)
	Resources(ctx context.Context) ([]string, error)
	Templates(ctx context.Context) ([]string, error)
	Read(ctx context.Context, uri string) (contents, error)
	Subscribe(ctx context.Context, uri string) error
	Unsubscribe(ctx context.Context, uri string) error
	Prompts(ctx context.Context) ([]string, error)
	// Prompt gives the messages as "ROLE: TEXT", or "ROLE: image".
	Prompt(ctx context.Context, name string, arguments map[string]string) ([]string, error)
	CompletePrompt(ctx context.Context, prompt, argument, typed string, given map[string]string) ([]string, error)
	CompleteTemplate(ctx context.Context, template, variable, typed string) ([]string, error)
	SetLevel(ctx context.Context, level string) error
	SetRoots(ctx context.Context, uri string) error
	Close() error
	// Code is the JSON-RPC code of an error that a method gave, 0 if it has none.
	Code(err error) int64
}

// reply is the result of a tool.
type reply struct {
	Text       string   // of the first block, if it is a text
	Kinds      []string // of all blocks
	Structured string   // as JSON, "" for none
	IsError    bool
}

// contents is what a resource has.
type contents struct {
	URI, MIME, Text string
	Blob            []byte
}

// diary is what a client was told, or asked, by its server. The clients write:
//
//	progress DONE/TOTAL MESSAGE
//	log LEVEL TEXT
//	tools changed, resources changed, prompts changed
//	updated URI
//	completed ID
type diary struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // has something when a line was added
}

func newDiary() *diary { return &diary{more: make(chan struct{}, 1)} }

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
	select {
	case d.more <- struct{}{}:
	default:
	}
}

// take removes a line if it is there.
func (d *diary) take(line string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, l := range d.lines {
		if l == line {
			d.lines = append(d.lines[:i], d.lines[i+1:]...)
			return true
		}
	}
	return false
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.lines...)
}

func (d *diary) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = nil
}

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// wait waits for a line and removes it.
func (d *diary) wait(t *testing.T, line string) {
	t.Helper()
	require.True(t, d.within(patience, line), "want %q, there is %q", line, d.all())
}

// within waits for a line and reports whether it came in time.
func (d *diary) within(limit time.Duration, line string) bool {
	late := time.After(limit)
	for {
		if d.take(line) {
			return true
		}
		select {
		case <-d.more:
		case <-late:
			return d.take(line)
		}
	}
}

// What the user of every client answers: to sampling, the last text of the conversation in capitals,
// or the use of a tool if there are tools; to forms what their message says; to URLs yes.

// answerForm gives what the user does with a form, and enters.
func answerForm(message string) (action string, entered map[string]any) {
	if message == "accept" {
		return message, map[string]any{"name": "Ada", "age": 36, "color": "green", "agree": true}
	}
	return message, nil
}

const accepted = `{"age":36,"agree":true,"color":"green","name":"Ada"}`

// firstRoot is what every client has as its root.
const firstRoot = "file:///srv/first"

// dialer makes a client of an SDK, of a server that is a program or at a URL. It asks for a version of
// the protocol; "" leaves it to the SDK, which may try a newer one first.
type dialer interface {
	command(t *testing.T, d *diary, version, program string, env []string) user
	url(t *testing.T, d *diary, version, address string) user
}
