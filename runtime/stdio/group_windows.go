package stdio

import (
	"os/exec"
	"syscall"
)

// ownGroup gives the child a process group, to which CTRL_BREAK can be sent.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

var ctrlEvent = syscall.NewLazyDLL("kernel32.dll").NewProc("GenerateConsoleCtrlEvent")

// terminateGroup asks the child to end, which works only if it shares our console.
func terminateGroup(cmd *exec.Cmd) {
	_, _, _ = ctrlEvent.Call(syscall.CTRL_BREAK_EVENT, uintptr(cmd.Process.Pid))
}

// killGroup ends the child; what it started lives on.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func keepBrokenPipeAnError() (undo func()) { return func() {} }
