package tasks_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/tasks"
	"github.com/tenonmcp/tenon/runtime/tasks/storetest"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) tasks.Store { return tasks.NewMemory(0) })
}

func TestMemoryHoldsSoManyBytes(t *testing.T) {
	m := tasks.NewMemory(4000)
	r := &tasks.Record{ID: "a", Status: mcp.TaskStatusWorking}
	require.NoError(t, m.Create(t.Context(), r, tasks.Room{}))
	large := r.Clone()
	large.Result = wire.MustRaw(`"` + strings.Repeat("x", 4000) + `"`)
	require.ErrorIs(t, m.Update(t.Context(), large), tasks.ErrFull)
	large.Result = wire.MustRaw(`"` + strings.Repeat("x", 3000) + `"`)
	require.NoError(t, m.Update(t.Context(), large))
	require.ErrorIs(t, m.Create(t.Context(), &tasks.Record{ID: "b"}, tasks.Room{}), tasks.ErrFull)
	require.NoError(t, m.Delete(t.Context(), "a"))
	require.NoError(t, m.Create(t.Context(), &tasks.Record{ID: "b"}, tasks.Room{}))
}

func TestRecordReadsWhatItWrites(t *testing.T) {
	text := `{"id":"a","owner":"o","seq":3,"version":4,"method":"m","params":{"a":1},"protocol":"p","principal":"ada","scopes":["x"],` +
		`"extra":{},"status":"failed","message":"no","created":5,"updated":6,"ttl":7,"pollInterval":8,"result":{},` +
		`"error":{"code":-1,"message":"no","data":[1]},"holder":"h","runs":9}`
	var r tasks.Record
	require.NoError(t, wire.Decode([]byte(text), &r))
	require.Equal(t, text, string(r.AppendJSON(nil)))
	require.NoError(t, wire.Decode([]byte(`{"id":"a","later":{}}`), &r))
	require.Equal(t, tasks.Record{ID: "a"}, r)
}
