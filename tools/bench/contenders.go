package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// contender is a server to race: where its source is and how to start it.
type contender struct {
	name   string
	folder string // of the module that builds it, seen from this module
	pkg    string
	args   []string
	module string // the library whose version the table names, "" for none
	blind  bool   // answers every line, and with nothing to check but its length
}

var contenders = []contender{
	{name: "bare", folder: ".", pkg: "./servers/bare", args: []string{strconv.Itoa(answerSize)}, blind: true},
	{name: "tenon", folder: "../..", pkg: "./examples/hello", module: "github.com/tenonmcp/tenon"},
	{name: "mcpgo", folder: ".", pkg: "./servers/mcpgo", module: "github.com/mark3labs/mcp-go"},
	{name: "gosdk", folder: ".", pkg: "./servers/gosdk", module: "github.com/modelcontextprotocol/go-sdk"},
}

// httpContenders are the servers that race over HTTP, where what says what is asked for. They have the
// names of contenders.
func httpContenders(what string) []contender {
	all := slices.Clone(contenders)
	for i := range all {
		all[i].args = []string{"-http", "127.0.0.1:0"}
		switch {
		case all[i].blind:
			all[i].args = append(all[i].args, strconv.Itoa(sizeOf(what)))
		case what == httpCall:
		case all[i].name == "tenon":
			all[i].folder, all[i].pkg = ".", "./servers/tenon"
		default:
			all[i].args = append(all[i].args, "-catalogue")
		}
	}
	return all
}

func contenderNames() []string {
	var names []string
	for _, c := range contenders {
		names = append(names, c.name)
	}
	return names
}

// racer is a contender that has been built.
type racer struct {
	contender
	binary  string
	version string
}

// build compiles c into dir. Every contender is built in the module it belongs to, so that Tenon runs
// with the dependencies its users get and not with those of the peers.
func build(ctx context.Context, c contender, dir string) (racer, error) {
	r := racer{contender: c, binary: filepath.Join(dir, c.name)}
	here, err := moduleFolder(ctx)
	if err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", r.binary, c.pkg)
	cmd.Dir = filepath.Join(here, c.folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		return r, fmt.Errorf("building %s: %w\n%s", c.name, err, out)
	}
	r.version, err = versionOf(r.binary, c.module)
	return r, err
}

// moduleFolder is where the source of this module is, whichever of its folders is the current one.
func moduleFolder(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// versionOf reads from the binary itself which version of module it was built with.
func versionOf(binary, module string) (string, error) {
	if module == "" {
		return "-", nil
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "", err
	}
	if info.Main.Path == module {
		return info.Main.Version, nil
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			return dep.Version, nil
		}
	}
	return "", fmt.Errorf("%s was built without %s", binary, module)
}
