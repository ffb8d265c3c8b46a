package streamhttp

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

// readBody reads the body into a buffer from the pool; done takes it back, with what was reserved for it.
func (h *Server) readBody(w http.ResponseWriter, r *http.Request) (body []byte, held int64, err error) {
	most := h.limits.Message
	if r.ContentLength > int64(most) {
		return nil, 0, fmt.Errorf("%w: the body has %d bytes, the limit is %d", rpc.ErrTooLarge, r.ContentLength, most)
	}
	in := http.NewResponseController(w)
	late := time.Now().Add(h.limits.ReadTime)
	_ = in.SetReadDeadline(late) // where there is none, the client's slowness is the proxy's
	buf := takeBuffer()
	defer func() {
		if err != nil {
			h.reading.Release(held)
			held = 0
		}
	}()
	if n := int(r.ContentLength); n > cap(buf) && n <= keptBuffer {
		buf = make([]byte, 0, n)
	}
	for {
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > most:
			return nil, held, fmt.Errorf("%w: the body has more than %d bytes", rpc.ErrTooLarge, most)
		case err == io.EOF:
			if h.limits.ReadTime <= 2*h.limits.QuietTime { // else it is put off when the answer takes long, or by net/http
				_ = in.SetReadDeadline(time.Time{})
			}
			return buf, held, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, held, fmt.Errorf("%w, %v", errSlowBody, h.limits.ReadTime)
		case err != nil:
			return nil, held, fmt.Errorf("the body could not be read: %w", err)
		}
		if len(buf) < cap(buf) {
			continue
		}
		if held == 0 && len(buf) >= keptBuffer {
			if held, err = h.reserveBody(r, late); err != nil {
				return nil, 0, err
			}
			late = time.Now().Add(h.limits.ReadTime) // the wait was ours
			_ = in.SetReadDeadline(late)
		}
		grown := min(len(buf), max(most+1-len(buf), 1))
		buf = slices.Grow(buf, grown)
	}
}

// reserveBody waits until there is room for a large body.
func (h *Server) reserveBody(r *http.Request, late time.Time) (int64, error) {
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

// done takes a body back that was read.
func (h *Server) done(body []byte, held int64) {
	giveBuffer(body)
	if held > 0 {
		h.reading.Release(held)
	}
}

// refuseBody answers a request whose body could not be read because of err. There may be more of it: the connection is
// not used again.
func (h *Server) refuseBody(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, rpc.ErrTooLarge):
		h.counters.large.Add(1)
		refuse(w, http.StatusRequestEntityTooLarge, rpc.CodeInvalidRequest, err.Error())
	case errors.Is(err, errSlowBody):
		h.counters.slowReads.Add(1)
		w.Header()["Connection"] = []string{"close"}
		refuse(w, http.StatusRequestTimeout, rpc.CodeInvalidRequest, err.Error())
	case errors.Is(err, errReadBusy):
		h.counters.busy.Add(1)
		w.Header()["Connection"] = []string{"close"}
		retryLater(w, err.Error())
	default:
		refuse(w, http.StatusBadRequest, rpc.CodeInvalidRequest, err.Error())
	}
}
