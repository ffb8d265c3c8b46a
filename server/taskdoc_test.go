package server

import (
	"context"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
)

// name is that of the test's function, by which docs/tasks.md knows the rule.
func nameOf(test func(*testing.T, *taskWorld)) string {
	name := runtime.FuncForPC(reflect.ValueOf(test).Pointer()).Name()
	return name[strings.LastIndex(name, ".")+1:]
}

// TestThePageOfTasksNamesEveryRule: the table of docs/tasks.md names each rule here, and no other.
func TestThePageOfTasksNamesEveryRule(t *testing.T) {
	page, err := os.ReadFile("../docs/tasks.md")
	require.NoError(t, err)
	var here, there []string
	for _, r := range taskRules {
		here = append(here, nameOf(r.test))
	}
	for _, m := range regexp.MustCompile(`TestTaskSpecification/(\w+)`).FindAllStringSubmatch(string(page), -1) {
		there = append(there, m[1])
	}
	slices.Sort(there)
	require.ElementsMatch(t, here, slices.Compact(there))
}

// TestATaskIsAskedAfterWithoutAStream: over HTTP tasks/get is answered with JSON, whatever else there is to say.
func TestATaskIsAskedAfterWithoutAStream(t *testing.T) {
	s := taskServer(t)
	g := newGated()
	AddTool(s, "slow", "", g.handle, TaskOptional())
	url, c := overHTTP(t, s)
	opened := post(t, c, url, initialize)
	session := []string{"Mcp-Session-Id", opened.Header.Get("Mcp-Session-Id"), "Mcp-Protocol-Version", "2025-11-25"}
	say := func(message string) (contentType, text string) {
		r := post(t, c, url, message, session...)
		var b strings.Builder
		require.NoError(t, r.Write(&b))
		return r.Header.Get("Content-Type"), b.String()
	}
	say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	_, made := say(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","arguments":` + ada + `,"task":{}}}`)
	_, id, ok := strings.Cut(made, `"taskId":"`)
	require.True(t, ok, made)
	ctx := <-g.entered
	tasks.From(ctx).SetMessage("a change that could be told")
	kind, text := say(`{"jsonrpc":"2.0","id":2,"method":"tasks/get","params":{"taskId":"` + id[:26] + `"}}`)
	require.Equal(t, "application/json", kind)
	require.Contains(t, text, "a change that could be told")
	kind, _ = say(`{"jsonrpc":"2.0","id":3,"method":"tasks/cancel","params":{"taskId":"` + id[:26] + `"}}`)
	require.Equal(t, "application/json", kind)
	require.Equal(t, http.StatusOK, opened.StatusCode)
}

// TestQuestionsOfATaskAreLimited: of a task's questions so many wait, one more fails.
func TestQuestionsOfATaskAreLimited(t *testing.T) {
	w := (&taskWorld{t: t}).serve(LimitTasks(TaskLimits{Questions: 2}))
	asked := make(chan error, 3)
	AddTool(w.Server, "curious", "", func(ctx context.Context, _ struct{}) (string, error) {
		for _, key := range []string{"a", "b", "c"} {
			go func() {
				_, err := Elicit[greeting](ctx, key, "Who?")
				asked <- err
			}()
		}
		<-ctx.Done()
		return "", ctx.Err()
	}, TaskOptional())
	c, _ := hearing(accepted)
	p := w.dial(c)
	id := p.begin(t, "curious", "").TaskID
	err := <-asked
	require.Equal(t, rpc.CodeBusy, rpc.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "2 requests of the task wait for an answer already")
	_, err = p.CancelTask(t.Context(), idOf(id))
	require.NoError(t, err)
	for range 2 {
		require.Error(t, <-asked, "the others end with the task")
	}
}

// TestTasksOfSessionsDieWithTheProcess: with TasksPerSession nobody can ask for them any more, and none is run again.
func TestTasksOfSessionsDieWithTheProcess(t *testing.T) {
	store := tasks.NewMemory(0)
	g := newGated()
	process := func() *taskWorld {
		w := (&taskWorld{t: t}).serve(StoreTasks(store), TasksPerSession())
		AddTool(w.Server, "again", "", g.handle, TaskOptional(), Resumable())
		return w
	}
	id := process().dial(clientSide{}).begin(t, "again", ada).TaskID
	<-g.entered
	record, err := store.Get(t.Context(), id)
	require.NoError(t, err)
	require.NoError(t, store.Hold(t.Context(), record.Holder, time.Time{}), "as if the process had died")

	second := process()
	second.StartTasks()
	require.Eventually(t, func() bool { return second.TaskStats().Abandoned == 1 }, 10*time.Second, time.Millisecond)
	_, err = store.Get(t.Context(), id)
	require.ErrorIs(t, err, tasks.ErrNotFound)
	require.Zero(t, second.TaskStats().Resumed)
	require.Empty(t, g.entered)
}
