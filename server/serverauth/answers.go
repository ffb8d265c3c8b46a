package serverauth

import (
	"container/list"
	"sync"
	"time"
)

// answers keeps what an authorization server said of tokens, by the digest of the token. The oldest go first.
type answers struct {
	most int
	time time.Duration

	mu    sync.Mutex
	known map[string]*list.Element // of *kept
	order list.List
}

type kept struct {
	key   string
	said  *claims
	until time.Time
}

func newAnswers(most int, d time.Duration) *answers {
	return &answers{most: most, time: d, known: make(map[string]*list.Element)}
}

// get gives what was said of a token; nil if that is not known, or too long ago.
func (a *answers) get(key string) *claims {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.known[key]
	if e == nil {
		return nil
	}
	if v := e.Value.(*kept); time.Now().Before(v.until) {
		return v.said
	}
	a.remove(e)
	return nil
}

func (a *answers) put(key string, said *claims) {
	if a.time < 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.known[key]; e != nil {
		a.remove(e)
	}
	now := time.Now()
	for e := a.order.Front(); e != nil; e = a.order.Front() {
		if now.Before(e.Value.(*kept).until) && (a.most < 0 || a.order.Len() < a.most) {
			break
		}
		a.remove(e)
	}
	a.known[key] = a.order.PushBack(&kept{key, said, now.Add(a.time)})
}

func (a *answers) remove(e *list.Element) { delete(a.known, a.order.Remove(e).(*kept).key) }
