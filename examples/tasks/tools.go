package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tenonmcp/tenon/server"
)

// addTools adds the tools. The handlers are as those of any other tool: whether they run as tasks is the client's choice.
func addTools(s *server.Server) {
	server.AddTool(s, "report", "Write a report of so many pages.", report,
		server.TaskOptional(),
		server.Resumable(), // writing it again does no harm
		server.ModelImmediateResponse("The report is being written."))
	server.AddTool(s, "book", "Book a journey.", book, server.TaskOptional())
}

type pages struct {
	Pages int `json:"pages" jsonschema:"description=how many pages,minimum=1,maximum=10000"`
}

// report is a long job: it says how far it is, and ends when its task is cancelled.
func report(ctx context.Context, in pages) (string, error) {
	for page := 1; page <= in.Pages; page++ {
		message := fmt.Sprintf("writing page %d of %d", page, in.Pages)
		if task := server.TaskFrom(ctx); task != nil {
			task.SetMessage(message) // for who looks at the task
		}
		server.Progress(ctx, float64(page-1), float64(in.Pages), message) // for who asked for progress
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	return fmt.Sprintf("a report of %d pages", in.Pages), nil
}

type journey struct {
	To string `json:"to" jsonschema:"description=where to"`
}

type seat struct {
	Seat string `json:"seat" jsonschema:"description=where to sit,enum=window,enum=aisle"`
}

// book asks a question midway. The task is input_required until a client asks for its result, and answers.
func book(ctx context.Context, in journey) (string, error) {
	answer, err := server.Elicit[seat](ctx, "seat", "Where would you like to sit?")
	if err != nil {
		return "", err
	}
	if !answer.Accepted() {
		return "nothing was booked", nil
	}
	return fmt.Sprintf("booked: %s, %s seat", in.To, answer.Value.Seat), nil
}
