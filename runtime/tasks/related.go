package tasks

import (
	"bytes"
	"context"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Members of _meta that have to do with tasks (basic/utilities/tasks).
const (
	// MetaRelated says which task a message belongs to: its value is {"taskId": id}.
	MetaRelated = "io.modelcontextprotocol/related-task"
	// MetaImmediate is, in the answer to a request that became a task, a text that the model may be given at once in
	// place of the result.
	MetaImmediate = "io.modelcontextprotocol/model-immediate-response"
)

// RelatedValue is the value of [MetaRelated] for a task.
func RelatedValue(id string) wire.Raw {
	raw, _ := wire.ParseRaw(append(wire.AppendString([]byte(`{"taskId":`), id), '}'))
	return raw
}

// RelatedID gives the id of the task that a message with this _meta belongs to; "" if it belongs to none.
func RelatedID(meta wire.Object) string {
	raw, ok := meta.Get(MetaRelated)
	if !ok || raw.Kind() != wire.KindObject {
		return ""
	}
	var related mcp.RelatedTaskMetadata
	if raw.Decode(&related) != nil {
		return ""
	}
	return related.TaskID
}

// SetRelated gives v, params or a result, with [MetaRelated] for a task in its _meta; nil stands for an empty object.
func SetRelated(v wire.Appender, id string) wire.Appender {
	var members, meta wire.Object
	if v != nil {
		raw, ok := v.(wire.Raw)
		if !ok {
			var err error
			if raw, err = wire.ParseRaw(v.AppendJSON(nil)); err != nil {
				return v // who sends it will find that it cannot be sent
			}
		}
		if !raw.IsZero() && raw.Decode(&members) != nil {
			return v
		}
	}
	if old, ok := members.Get("_meta"); ok && old.Kind() == wire.KindObject {
		_ = old.Decode(&meta)
	}
	meta.Set(MetaRelated, RelatedValue(id))
	raw, err := wire.ParseRaw(meta.AppendJSON(nil))
	if err != nil {
		return v
	}
	members.Set("_meta", raw)
	return members
}

// named tells whether a method names its task in its params and result, which then carry no [MetaRelated].
func named(method string) bool {
	switch method {
	case mcp.MethodGetTask, mcp.MethodGetTaskPayload, mcp.MethodCancelTask, mcp.MethodListTasks, mcp.MethodTaskStatus:
		return true
	}
	return false
}

// NamesItsTask tells whether a method is about tasks itself: its messages carry no [MetaRelated], but the result of
// tasks/result.
func NamesItsTask(method string) bool { return named(method) }

// EchoRelated is an interceptor for what arrives: the answer to a request that belongs to a task of the peer's belongs to
// that task too, and says so in its _meta. Errors have no _meta.
func EchoRelated(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		result, err := next(ctx, m)
		if err != nil || m.Kind != rpc.KindRequest || named(m.Method) {
			return result, err
		}
		id := relatedIn(m.Raw())
		if id == "" {
			return result, nil
		}
		if v, ok := result.(interface{ Validate() error }); ok && v.Validate() != nil {
			return result, nil // it will not be sent
		}
		return SetRelated(result, id), nil
	}
}

// nameRelated is what a message that belongs to a task has in its text.
var nameRelated = []byte("taskId")

// relatedIn gives the id of the task that a message with these params belongs to.
func relatedIn(params wire.Raw) string {
	if params.Kind() != wire.KindObject || !bytes.Contains(params.Bytes(), nameRelated) {
		return ""
	}
	var p metaOf
	if params.Decode(&p) != nil || p.raw.Kind() != wire.KindObject {
		return ""
	}
	var meta wire.Object
	if p.raw.Decode(&meta) != nil {
		return ""
	}
	return RelatedID(meta)
}

// metaOf finds _meta in params or a result.
type metaOf struct{ raw wire.Raw }

func (p *metaOf) DecodeJSON(d *wire.Decoder) {
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		if string(key) == "_meta" {
			p.raw = d.Raw()
		} else {
			d.Raw()
		}
	}
}
