package tcp

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// setMode sets the permissions that the file of a socket will have.
func setMode(fd uintptr, mode fs.FileMode) {
	_ = syscall.Fchmod(int(fd), uint32(mode.Perm())) // if not now, then after listening
}

// credentials asks the system who connected.
func credentials(conn *net.UnixConn) (PeerCredentials, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return PeerCredentials{}, err
	}
	var found *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		found, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err := errors.Join(err, failed); err != nil {
		return PeerCredentials{}, err
	}
	return PeerCredentials{PID: int(found.Pid), UID: int(found.Uid), GID: int(found.Gid)}, nil
}

// PeerPrincipal finds out which user is at the other end of a Unix socket, for [WithPrincipal]: the principal's ID is
// "uid:" and the number of the user, its Value a [PeerCredentials]. Any other connection is an error, and so is every
// connection on other systems than Linux.
func PeerPrincipal(conn net.Conn) (*rpc.Principal, error) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("tcp: a %T has no credentials: expected a Unix socket", conn)
	}
	c, err := credentials(u)
	if err != nil {
		return nil, fmt.Errorf("tcp: the credentials of the peer: %w", err)
	}
	return &rpc.Principal{ID: fmt.Sprintf("uid:%d", c.UID), Value: c}, nil
}
