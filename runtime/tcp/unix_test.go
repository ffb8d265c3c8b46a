package tcp_test

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tcp"
)

func TestPermissionsOfTheSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("sockets have no permissions on Windows")
	}
	for mode, opts := range map[fs.FileMode][]tcp.Option{
		0o600: nil,
		0o660: {tcp.WithSocketMode(0o660)},
		0o666: {tcp.WithSocketMode(0o666)}, // more than the umask lets through
	} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := tcp.Listen(t.Context(), "unix://"+path, opts...)
		require.NoError(t, err)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm())
		require.NoError(t, l.Close())
		require.NoFileExists(t, path)
	}
}

func TestSocketThatWasLeftBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	old, err := net.Listen("unix", path)
	require.NoError(t, err)
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	_, err = tcp.Listen(t.Context(), "unix:"+path)
	require.ErrorContains(t, err, "another server listens on "+path)
	require.NoError(t, old.Close())

	start(t, "unix:"+path)
	s, _ := dial(t, tcp.Connect("unix:"+path))
	require.NoError(t, s.Call(t.Context(), "ping", nil, nil))
	require.Equal(t, "unix", s.Link().Transport)
}

// Nothing but a dead socket is ever removed.
func TestFileInTheWayOfTheSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, err := tcp.Listen(t.Context(), "unix:"+path)
	require.ErrorContains(t, err, "exists and is not a socket")
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(path, link))
	_, err = tcp.Listen(t.Context(), "unix:"+link)
	require.ErrorContains(t, err, "exists and is not a socket")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "precious", string(text))
	_, err = tcp.Listen(t.Context(), "unix:"+filepath.Join(dir, "none", "s"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestTheUserIsThePrincipal(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the credentials of a peer are known on Linux only")
	}
	path := filepath.Join(t.TempDir(), "s")
	var seen tcp.PeerCredentials
	start(t, "unix:"+path, tcp.WithPrincipal(func(c net.Conn) (*rpc.Principal, error) {
		p, err := tcp.PeerPrincipal(c)
		if err == nil {
			seen = p.Value.(tcp.PeerCredentials)
		}
		return p, err
	}))
	s, _ := dial(t, tcp.Connect("unix:"+path))
	require.Equal(t, fmt.Sprintf(`{"id":"uid:%d"}`, os.Getuid()), who(t, s))
	require.Equal(t, tcp.PeerCredentials{PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid()}, seen)

	// Elsewhere there is nothing to go by, and nobody gets in.
	server, l := start(t, "127.0.0.1:0", tcp.WithPrincipal(tcp.PeerPrincipal))
	dialRaw(t, l.Addr()).over()
	require.EqualValues(t, 1, server.Stats().Unauthenticated)
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"http://localhost:80":   "is not of the form",
		"tcp://localhost":       "missing port",
		"localhost":             "missing port",
		"localhost:":            "has no port",
		"tcp://a:1/path":        "is not of the form",
		"tcp://ada:pw@a:1":      "is not of the form",
		"tcp://a:1?x":           "is not of the form",
		"tcp://a:1#x":           "is not of the form",
		"tcp://%zz":             "invalid URL escape",
		"unix:":                 "names no socket",
		"unix://host/path":      "has a host",
		"unix:/no/such/socket?": "no such file",
	} {
		_, err := tcp.Connect(address).Connect(t.Context(), client(t))
		require.ErrorContains(t, err, want, address)
		require.NotContains(t, err.Error(), "pw@")
		if address[:5] != "unix:" {
			_, err = tcp.Listen(t.Context(), address)
			require.ErrorContains(t, err, want, address)
		}
	}
	for _, address := range []string{"tcp://127.0.0.1:0", "tcp://127.0.0.1:0/", "127.0.0.1:0", "tcp://localhost:0"} {
		l, err := tcp.Listen(context.Background(), address)
		require.NoError(t, err)
		require.NoError(t, l.Close())
	}
}
