//go:build unix

package server

import "syscall"

// openWithoutWaiting keeps the opening of a named pipe from waiting for someone to write to it.
const openWithoutWaiting = syscall.O_NONBLOCK
