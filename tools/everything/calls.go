package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
)

// step is the time between two signs of life of a tool.
const step = 50 * time.Millisecond

// addCallTools adds the tools that show what a call may do while it runs.
func addCallTools(s *server.Server) {
	server.AddTool(s, "test_tool_with_logging", "Sends log messages while it runs.", func(ctx context.Context, _ nothing) (string, error) {
		for i, message := range []string{"Tool execution started", "Tool processing data", "Tool execution completed"} {
			if i > 0 {
				if err := pause(ctx, step); err != nil {
					return "", err
				}
			}
			server.Log(ctx, mcp.LoggingLevelInfo, message)
		}
		return "Tool with logging executed successfully", nil
	}, readOnly())

	server.AddTool(s, "test_tool_with_progress", "Reports progress while it runs.", func(ctx context.Context, _ nothing) (string, error) {
		for done := 0.0; done <= 100; done += 50 {
			if done > 0 {
				if err := pause(ctx, step); err != nil {
					return "", err
				}
			}
			server.Progress(ctx, done, 100, fmt.Sprintf("%v of 100", done))
		}
		return "Tool with progress executed successfully", nil
	}, readOnly())

	server.AddTool(s, "test_reconnection", "Ends the connection that it was called on, and leaves the result for the client to come back for.",
		func(ctx context.Context, _ nothing) (string, error) {
			polled := streamhttp.Poll(ctx, 0)
			if err := pause(ctx, 2*step); err != nil {
				return "", err
			}
			if !polled {
				return "There was no connection to end.", nil
			}
			return "The connection was ended; this arrived over another.", nil
		}, readOnly())

	server.AddTool(s, "wait", "Takes its time, reports progress ten times a second, and can be cancelled.", func(ctx context.Context, in waiting) (string, error) {
		const tick = 100 * time.Millisecond
		for gone := time.Duration(0); gone < time.Duration(in.Milliseconds)*time.Millisecond; gone += tick {
			server.Progress(ctx, float64(gone.Milliseconds()), float64(in.Milliseconds), "waiting")
			if err := pause(ctx, min(tick, time.Duration(in.Milliseconds)*time.Millisecond-gone)); err != nil {
				return "", err
			}
		}
		return "done", nil
	}, readOnly())

	server.AddTool(s, "log_levels", "Sends a log message of each level.", func(ctx context.Context, _ nothing) (string, error) {
		for _, level := range []mcp.LoggingLevel{
			mcp.LoggingLevelDebug, mcp.LoggingLevelInfo, mcp.LoggingLevelNotice, mcp.LoggingLevelWarning,
			mcp.LoggingLevelError, mcp.LoggingLevelCritical, mcp.LoggingLevelAlert, mcp.LoggingLevelEmergency,
		} {
			server.Log(ctx, level, map[string]string{"message": "a message of level " + string(level)})
		}
		server.ClientLogger(ctx, "everything").InfoContext(ctx, "a message by slog", "tool", "log_levels")
		return "sent", nil
	}, readOnly())

	server.AddTool(s, "session_info", "Tells who calls, and how.", func(ctx context.Context, _ nothing) (sessionInfo, error) {
		call := server.CallFrom(ctx)
		info := sessionInfo{Version: call.Version(), HTTP: call.Header() != nil}
		if client := call.Client(); client != nil {
			info.Client = client.ClientInfo.Name
		}
		return info, nil
	}, readOnly())
}

type waiting struct {
	Milliseconds int `json:"milliseconds" jsonschema:"description=how long to wait,minimum=0,maximum=600000"`
}

type sessionInfo struct {
	Client  string `json:"client" jsonschema:"description=the name of the client"`
	Version string `json:"version" jsonschema:"description=the version of the protocol"`
	HTTP    bool   `json:"http" jsonschema:"description=whether the call came by HTTP"`
}
