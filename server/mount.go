package server

import (
	"errors"
	"fmt"
	"sync"
)

// Mount puts the catalogue of child under that of s, with prefix before the names of its tools and prompts, such as
// "git_". Resources and resource templates keep their URIs. What child gets or loses later, s does too. Handlers run in
// the sessions of s, with the options of s; child's filters hold as well, and see child's names. Names that clients may
// refuse are only logged.
//
// If something of child has a name that s has, that is an error; what child gets later under such a name is logged and
// left out. Servers cannot be mounted in a circle.
func (s *Server) Mount(prefix string, child *Server) error {
	if s == child {
		return errors.New("server.Mount: a server cannot be mounted under itself")
	}
	mounts.Lock()
	defer mounts.Unlock()
	if child.holds(s) {
		return errors.New("server.Mount: the other server is mounted under this one already")
	}
	m := mounting{parent: s, prefix: prefix}
	err := s.tools.mount(&child.tools, m)
	if err == nil {
		err = s.prompts.mount(&child.prompts, m)
	}
	if err == nil {
		err = s.resources.mount(&child.resources, m)
	}
	if err != nil {
		return fmt.Errorf("server.Mount %q: %w", prefix, err)
	}
	s.mounted = append(s.mounted, child)
	return nil
}

// mounts guards who is mounted where.
var mounts sync.Mutex

// holds reports whether other is mounted under s.
func (s *Server) holds(other *Server) bool {
	for _, c := range s.mounted {
		if c == other || c.holds(other) {
			return true
		}
	}
	return false
}

// mounting is what the features need to mount theirs.
type mounting struct {
	parent *Server
	prefix string
}

// name gives the name of something mounted.
func (m mounting) name(kind ItemKind, name string) string {
	m.parent.warnName(kind, m.prefix+name)
	return m.prefix + name
}

// report logs what could not be taken over.
func (m mounting) report(err error) {
	m.parent.log.Error("server: what a mounted server got is left out", "prefix", m.prefix, "error", err)
}

// mount takes over the tools of a mounted server.
func (f *toolFeature) mount(from *toolFeature, m mounting) error {
	return from.list.mount(f.list, func(name string, t *tool) (string, *tool) {
		m.parent.tasks.note(t)
		renamed := *t
		renamed.def.Name = m.name(KindTool, name)
		return renamed.def.Name, &renamed
	}, m.report)
}
