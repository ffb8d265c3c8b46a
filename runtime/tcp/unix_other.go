//go:build !linux

package tcp

import (
	"errors"
	"io/fs"
	"net"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// setMode cannot be done here before the socket has a name.
func setMode(uintptr, fs.FileMode) {}

// PeerPrincipal finds out which user is at the other end of a Unix socket on Linux, for [WithPrincipal]: the principal's ID
// is "uid:" and the number of the user, its Value a [PeerCredentials]. Here it always is an error.
func PeerPrincipal(net.Conn) (*rpc.Principal, error) {
	return nil, errors.New("tcp: the credentials of the peer are not known on this system")
}
