package server

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// Mistake is a mistake in what a program registers: a bad or taken name, a type that no schema can be made of, a schema
// that is none. It is what the Add functions panic with, and the TryAdd functions return.
type Mistake struct {
	// Source is the file and line of the call that registers, "greeter/main.go:17".
	Source string
	// What is what was being registered, such as `tool "greet"`.
	What string
	// Err says what is wrong.
	Err error
}

// Error names the place, the thing and the reason.
func (m *Mistake) Error() string { return fmt.Sprintf("%s: %s: %v", m.Source, m.What, m.Err) }

// Unwrap gives what is wrong.
func (m *Mistake) Unwrap() error { return m.Err }

// mistake makes a Mistake, with the first caller outside of this package as its source.
func mistake(kind ItemKind, name string, err error) *Mistake {
	return &Mistake{Source: caller(), What: fmt.Sprintf("%s %q", kind, name), Err: err}
}

// packagePrefix begins the names of this package's functions.
var packagePrefix = func() string {
	pc, _, _, _ := runtime.Caller(0)
	name := runtime.FuncForPC(pc).Name()
	slash := strings.LastIndexByte(name, '/')
	return name[:slash+strings.IndexByte(name[slash:], '.')+1]
}()

// caller is the file (with its folder) and line of the first function outside of this package.
func caller() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		inside := strings.HasPrefix(f.Function, packagePrefix) && !strings.HasSuffix(f.File, "_test.go")
		if f.File != "" && !inside {
			return fmt.Sprintf("%s/%s:%d", filepath.Base(filepath.Dir(f.File)), filepath.Base(f.File), f.Line)
		}
		if !more {
			return "unknown source"
		}
	}
}

// must panics with a mistake.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
