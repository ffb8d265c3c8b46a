//go:build unix

package stdio

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// ownGroup makes the child the leader of a process group, so that signals reach what it starts too.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func terminateGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// keepBrokenPipeAnError has a write to a closed standard output return an error, where the Go runtime would end the
// process by SIGPIPE. What it returns undoes that.
func keepBrokenPipeAnError() (undo func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGPIPE)
	return func() { signal.Stop(c) }
}
