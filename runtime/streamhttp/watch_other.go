//go:build !linux

package streamhttp

import "net"

// watch calls gone when the client goes away, until what it returns is called.
func watch(c net.Conn, gone func()) (stop func()) { return watchByReading(c, gone) }
