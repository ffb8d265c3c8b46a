package streamhttp

import (
	"net"
	"os"
	"sync"
	"syscall"
)

// watch calls gone when the client goes away, until what it returns is called. A goroutine for each of many thousand
// connections would take more memory than all else that is kept of them, so one watches over all plain sockets.
func watch(c net.Conn, gone func()) (stop func()) {
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			if stop := watched.add(raw, gone); stop != nil {
				return stop
			}
		}
	}
	return watchByReading(c, gone)
}

// watched are the sockets of all servers.
var watched sockets

// sockets are sockets that are watched. There is a goroutine while there are any.
type sockets struct {
	mu    sync.Mutex
	gone  map[int32]func() // by descriptor
	epoll *os.File         // nil while there are none
}

// interest is what a client that listens does not do: speak, or hang up.
const interest = syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT

// add watches a socket; nil if that cannot be.
func (w *sockets) add(raw syscall.RawConn, gone func()) (stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.epoll == nil && !w.open() {
		return nil
	}
	var fd int32
	err := w.control(raw, func(epoll, socket int) error {
		fd = int32(socket)
		return syscall.EpollCtl(epoll, syscall.EPOLL_CTL_ADD, socket, &syscall.EpollEvent{Events: interest, Fd: fd})
	})
	if err != nil {
		w.closeIfEmpty()
		return nil
	}
	w.gone[fd] = gone
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.gone, fd)
		_ = w.control(raw, func(epoll, socket int) error { // if it is closed it is gone from there already
			return syscall.EpollCtl(epoll, syscall.EPOLL_CTL_DEL, socket, nil)
		})
		w.closeIfEmpty()
	})
}

// control calls f with the descriptors of the poll and of a socket, neither of which can be closed meanwhile. Under mu.
func (w *sockets) control(raw syscall.RawConn, f func(epoll, socket int) error) error {
	poll, err := w.epoll.SyscallConn()
	if err != nil {
		return err
	}
	var inner, failed error
	err = poll.Control(func(epoll uintptr) {
		inner = raw.Control(func(socket uintptr) { failed = f(int(epoll), int(socket)) })
	})
	for _, e := range []error{err, inner, failed} {
		if e != nil {
			return e
		}
	}
	return nil
}

// open begins to watch; false if that cannot be. Under mu.
func (w *sockets) open() bool {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	if syscall.SetNonblock(fd, true) != nil {
		_ = syscall.Close(fd)
		return false
	}
	w.epoll = os.NewFile(uintptr(fd), "epoll")
	if w.gone == nil {
		w.gone = map[int32]func(){}
	}
	go w.run(w.epoll)
	return true
}

func (w *sockets) closeIfEmpty() {
	if len(w.gone) == 0 && w.epoll != nil {
		_ = w.epoll.Close() // which ends run
		w.epoll = nil
	}
}

// run calls what is to be called, until the poll is closed.
func (w *sockets) run(epoll *os.File) {
	raw, err := epoll.SyscallConn()
	if err != nil {
		return
	}
	events := make([]syscall.EpollEvent, 128)
	for {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			n, _ = syscall.EpollWait(int(fd), events, 0) // an interrupted one is tried again
			return n > 0
		})
		if err != nil {
			return
		}
		for _, e := range events[:n] {
			w.mu.Lock()
			gone := w.gone[e.Fd]
			if w.epoll != epoll {
				gone = nil // an old event: the descriptor may belong to another socket now
			}
			w.mu.Unlock()
			if gone != nil {
				gone()
			}
		}
	}
}
