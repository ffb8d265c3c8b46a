package legacysse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

var (
	errSlowBody = errors.New("the body did not arrive in time")
	errReadBusy = errors.New("too many large messages are on their way in")
)

const (
	startBody   = 2 << 10  // more is not believed to come before it does
	largeBody   = 64 << 10 // from which on a body counts for Limits.ReadBytes
	keptOfLarge = 4 << 10  // what is looked at of a body that is too large
)

// readBody reads the body. If that is too large it gives the start of it.
func (h *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	in := http.NewResponseController(w)
	late := time.Now().Add(h.limits.ReadTime)
	_ = in.SetReadDeadline(late) // where there is none, the client's slowness is the proxy's
	most := h.limits.Message
	if r.ContentLength > int64(most) {
		start, _ := io.ReadAll(io.LimitReader(r.Body, keptOfLarge))
		return start, fmt.Errorf("%w: the body has %d bytes, the limit is %d", rpc.ErrTooLarge, r.ContentLength, most)
	}
	var held int64
	defer func() { h.reading.Release(held) }()
	buf := make([]byte, 0, startBody)
	for {
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > most:
			return buf[:min(len(buf), keptOfLarge)], fmt.Errorf("%w: the body has more than %d bytes", rpc.ErrTooLarge, most)
		case err == io.EOF:
			_ = in.SetReadDeadline(time.Time{}) // what is read next is the end of the connection, or another request
			return buf, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, fmt.Errorf("%w, %v", errSlowBody, h.limits.ReadTime)
		case err != nil:
			return nil, fmt.Errorf("the body could not be read: %w", err)
		}
		if len(buf) < cap(buf) {
			continue
		}
		if held == 0 && 2*len(buf) > largeBody {
			if held, err = h.reserve(r, late); err != nil {
				return nil, err
			}
			late = time.Now().Add(h.limits.ReadTime) // the wait was ours
			_ = in.SetReadDeadline(late)
		}
		buf = slices.Grow(buf, min(len(buf), max(most+1-len(buf), 1)))
	}
}

// reserve waits until there is room for a large body.
func (h *Server) reserve(r *http.Request, late time.Time) (int64, error) {
	n := r.ContentLength
	if n < 0 {
		n = int64(h.limits.Message)
	}
	ctx, cancel := context.WithDeadline(r.Context(), late)
	defer cancel()
	held, err := h.reading.Reserve(ctx, n)
	if err != nil {
		return 0, errReadBusy
	}
	return held, nil
}

// refuseBody answers a request whose body could not be read because of err; start is what there is of it. There may be
// more: the connection is not used again.
func (p *poster) refuseBody(start []byte, err error) {
	h, m := p.h, rpc.Salvage(start)
	switch {
	case errors.Is(err, rpc.ErrTooLarge):
		h.counters.large.Add(1)
		p.refuse(http.StatusRequestEntityTooLarge, m, err)
	case errors.Is(err, errSlowBody):
		h.counters.slowReads.Add(1)
		p.w.Header().Set("Connection", "close")
		p.refuse(http.StatusRequestTimeout, m, err)
	case errors.Is(err, errReadBusy):
		h.counters.busy.Add(1)
		p.w.Header().Set("Connection", "close")
		p.w.Header().Set("Retry-After", retrySeconds)
		p.refuse(http.StatusServiceUnavailable, m, rpc.Errorf(rpc.CodeBusy, "%w", err))
	default:
		p.refuse(http.StatusBadRequest, m, err)
	}
}
