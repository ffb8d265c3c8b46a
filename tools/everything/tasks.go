package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenonmcp/tenon/server"
)

// addTaskTools adds the tools that may be called as tasks.
func addTaskTools(s *server.Server) {
	server.AddTool(s, "long_job", "Works through so many steps, with progress and status messages. May be a task, can be cancelled, and is run again after a restart.",
		longJob, readOnly(), server.TaskOptional(), server.Resumable(), server.ModelImmediateResponse("The job is under way."))

	server.AddTool(s, "must_be_task", "The same, as a task only; not run again after a restart.", longJob, readOnly(), server.TaskRequired())

	server.AddTool(s, "ask_midway", "Asks the user midway how to go on. May be a task, which has the status input_required meanwhile.",
		func(ctx context.Context, _ nothing) (string, error) {
			say(ctx, "gathering options")
			if err := pause(ctx, step); err != nil {
				return "", err
			}
			say(ctx, "waiting for an answer")
			answer, err := server.Elicit[direction](ctx, "direction", "The job is halfway through. Which way to go on?")
			if err != nil {
				return "", err
			}
			if !answer.Accepted() {
				return "stopped halfway: " + string(answer.Action), nil
			}
			say(ctx, "going on")
			if err := pause(ctx, step); err != nil {
				return "", err
			}
			return "went on: " + answer.Value.Way, nil
		}, readOnly(), server.TaskOptional())

	server.AddTool(s, "fail_later", "Fails after a while. May be a task, whose status is failed then.", func(ctx context.Context, _ nothing) (string, error) {
		if err := pause(ctx, step); err != nil {
			return "", err
		}
		return "", errors.New("the job failed, as it always does")
	}, readOnly(), server.TaskOptional())
}

type work struct {
	Steps        int `json:"steps" jsonschema:"description=how many steps there are,minimum=1,maximum=1000"`
	Milliseconds int `json:"milliseconds" jsonschema:"description=how long a step takes,minimum=0,maximum=60000"`
}

type direction struct {
	Way string `json:"way" jsonschema:"description=the way to go on,enum=fast,enum=careful"`
}

// longJob works through steps.
func longJob(ctx context.Context, in work) (string, error) {
	for i := range in.Steps {
		message := fmt.Sprintf("step %d of %d", i+1, in.Steps)
		say(ctx, message)
		server.Progress(ctx, float64(i), float64(in.Steps), message)
		if err := pause(ctx, time.Duration(in.Milliseconds)*time.Millisecond); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d steps done", in.Steps), nil
}

// say sets the message of a call's task, if it is one.
func say(ctx context.Context, message string) {
	if task := server.TaskFrom(ctx); task != nil {
		task.SetMessage(message)
	}
}
