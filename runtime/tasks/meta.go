package tasks

import (
	"strings"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

const (
	memberMeta = "_meta"
	memberTask = "task" // in params: what asks for a task
)

// asked gives what params ask for in their member task; nil if they have none.
func asked(params wire.Raw) *mcp.TaskMetadata {
	value, ok := member(params, memberTask)
	if !ok || value.Kind() == wire.KindNull {
		return nil
	}
	var t mcp.TaskMetadata
	if value.Decode(&t) != nil {
		return nil // params were read before: it cannot be
	}
	return &t
}

// rawOf encodes a value; what does not encode to JSON is absent.
func rawOf(v wire.Appender) wire.Raw {
	if raw, ok := v.(wire.Raw); ok {
		return raw
	}
	raw, err := wire.ParseRaw(v.AppendJSON(nil))
	if err != nil {
		return wire.Raw{}
	}
	return raw
}

// membersOf gives the members of an object, none of anything else.
func membersOf(raw wire.Raw) wire.Object {
	var o wire.Object
	if raw.Kind() == wire.KindObject && raw.Decode(&o) == nil {
		return o
	}
	return nil
}

// member gives one member of an object.
func member(raw wire.Raw, name string) (wire.Raw, bool) {
	if raw.Kind() != wire.KindObject {
		return wire.Raw{}, false
	}
	f := finder{name: name}
	if raw.Decode(&f) != nil {
		return wire.Raw{}, false
	}
	return f.value, f.found
}

// finder finds one member of an object.
type finder struct {
	name  string
	value wire.Raw
	found bool
}

func (f *finder) DecodeJSON(d *wire.Decoder) {
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		raw := d.Raw()
		if string(key) == f.name {
			f.value, f.found = raw, true
		}
	}
}

// capabilities are the capabilities for requests as tasks, by method.
var capabilities = func() map[string]string {
	all := map[string]string{}
	for _, m := range mcp.Latest.Methods {
		if m.TaskCapability != "" {
			all[m.Name] = m.TaskCapability
		}
	}
	return all
}()

// Since is the first version of the protocol that has tasks.
var Since = mcp.MethodSince(mcp.MethodGetTask)

// Capability gives the value of the capability tasks for a side that takes those methods as tasks, to be decoded into the
// capabilities of a server or a client: that tasks can be cancelled, and, with list, be listed. It is absent if none of
// the methods can be a task.
func Capability(list bool, methods ...string) wire.Raw {
	var tasks wire.Object
	empty := wire.MustRaw(`{}`)
	set := func(path string) {
		tasks = setPath(tasks, strings.Split(path, "."), empty)
	}
	any := false
	for _, m := range methods {
		if path, ok := strings.CutPrefix(capabilities[m], "tasks."); ok {
			set(path)
			any = true
		}
	}
	if !any {
		return wire.Raw{}
	}
	set("cancel")
	if list {
		set("list")
	}
	return rawOf(tasks)
}

// setPath sets a member of a member of ... an object.
func setPath(o wire.Object, path []string, v wire.Raw) wire.Object {
	if len(path) > 1 {
		inner, _ := o.Get(path[0])
		v = rawOf(setPath(membersOf(inner), path[1:], v))
	}
	o.Set(path[0], v)
	return o
}

// stamp writes a time as the protocol does.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Task gives the state of the task as the protocol tells it.
func (r *Record) Task() mcp.Task {
	t := mcp.Task{
		TaskID: r.ID, Status: r.Status, StatusMessage: r.Message, CreatedAt: stamp(r.Created), LastUpdatedAt: stamp(r.Updated),
	}
	if r.TTL > 0 {
		t.TTL = new(r.TTL.Milliseconds())
	}
	if r.PollInterval > 0 {
		t.PollInterval = new(r.PollInterval.Milliseconds())
	}
	return t
}

// failure tells whether a result is one of a request that did not succeed, as a tool's with isError, and says why.
func failure(result wire.Raw) (why string, failed bool) {
	value, _ := member(result, "isError")
	if value.String() != "true" {
		return "", false
	}
	content, _ := member(result, "content")
	var first firstText
	if content.Kind() == wire.KindArray && content.Decode(&first) == nil && first.text != "" {
		return clip(first.text), true
	}
	return "the result is an error", true
}

// firstText finds the first text in a list of content.
type firstText struct{ text string }

func (f *firstText) DecodeJSON(d *wire.Decoder) {
	for d.Array(); d.Elem(); {
		raw := d.Raw()
		if f.text != "" {
			continue
		}
		if text, ok := member(raw, "text"); ok && text.Kind() == wire.KindString {
			_ = text.Unmarshal(&f.text)
		}
	}
}

// maxMessage is how long a status message may be, in bytes.
const maxMessage = 1000

// clip shortens a status message.
func clip(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "") + "..."
}

// unknown is the error for a task that is not there, or not the requestor's: one text for both.
func unknown() *rpc.Error {
	return rpc.Errorf(mcp.CodeInvalidParams, "task not found: no task with this id, or it has expired")
}
