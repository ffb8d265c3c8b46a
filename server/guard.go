package server

import (
	"fmt"
	"log/slog"
	"runtime/debug"
)

// guard runs a function of the user's on a goroutine of ours: a panic in it goes to the log and no further.
func guard(log *slog.Logger, what string, f func()) {
	defer func() {
		if v := recover(); v != nil {
			log.Error("server: panic in "+what, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	f()
}
