package rpc

// inFlight is requests by their canonical ids. Few are kept in a list, which is all that most sessions ever need.
type inFlight struct {
	few  []*incoming
	many map[ID]*incoming // nil while there are few
}

const mostFew = 8

func (f *inFlight) get(id ID) *incoming {
	if f.many != nil {
		return f.many[id]
	}
	for _, in := range f.few {
		if in.key == id {
			return in
		}
	}
	return nil
}

// add takes in a request whose id is not there.
func (f *inFlight) add(in *incoming) {
	if f.many == nil && len(f.few) < mostFew {
		f.few = append(f.few, in)
		return
	}
	if f.many == nil {
		f.many = make(map[ID]*incoming, 2*mostFew)
		for _, in := range f.few {
			f.many[in.key] = in
		}
		f.few = nil
	}
	f.many[in.key] = in
}

// remove takes a request out, if it is there.
func (f *inFlight) remove(in *incoming) {
	if f.many != nil {
		if f.many[in.key] == in {
			delete(f.many, in.key)
		}
		return
	}
	for i, x := range f.few {
		if x == in {
			last := len(f.few) - 1
			f.few[i], f.few[last] = f.few[last], nil
			f.few = f.few[:last]
			return
		}
	}
}

// all calls f with each request.
func (f *inFlight) all(yield func(*incoming)) {
	for _, in := range f.few {
		yield(in)
	}
	for _, in := range f.many {
		yield(in)
	}
}
