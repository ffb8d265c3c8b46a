package main

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tenonmcp/tenon/tools/bench/servers/catalogue"
)

// contender is who races.
type contender struct {
	name   string
	pkg    string // of its server, in this module
	module string // the library whose version the table names, "" for none
	blind  bool   // answers everything, and with nothing to check but its length
}

var contenders = []contender{
	{name: "bare", pkg: "./servers/bare", blind: true},
	{name: "tenon", pkg: "./servers/tenon", module: "github.com/tenonmcp/tenon"},
	{name: "gosdk", pkg: "./servers/gosdk", module: "github.com/modelcontextprotocol/go-sdk"},
	{name: "mcpgo", pkg: "./servers/mcpgo", module: "github.com/mark3labs/mcp-go"},
	{name: "typescript"},
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
	command []string // starts its server, before the flags
	hello   []string // starts its smallest server
	version string
	dir     string // for files that servers need
}

// build compiles c into dir. The smallest server of Tenon is examples/hello, built in the module it belongs to, with the
// dependencies that users get and not with those of the peers.
func build(ctx context.Context, c contender, dir string) (racer, error) {
	r := racer{contender: c, dir: dir}
	if c.pkg == "" {
		return buildTypeScript(ctx, r)
	}
	here, err := moduleFolder(ctx)
	if err != nil {
		return r, err
	}
	compile := func(folder, pkg, name string) (string, error) {
		binary := filepath.Join(dir, name)
		cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, pkg)
		cmd.Dir = filepath.Join(here, folder)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building %s: %w\n%s", c.name, err, out)
		}
		return binary, nil
	}
	binary, err := compile(".", c.pkg, c.name)
	if err != nil {
		return r, err
	}
	r.command, r.hello = []string{binary}, []string{binary}
	if c.name == "tenon" {
		if binary, err = compile("../..", "./examples/hello", "hello"); err != nil {
			return r, err
		}
		r.hello = []string{binary}
	}
	if r.version, err = versionOf(binary, c.module); r.version == "(devel)" {
		r.version = commit(ctx, here)
	}
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

// commit names the commit of the source in a folder, with "-dirty" if files have changed since.
func commit(ctx context.Context, folder string) string {
	cmd := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty")
	cmd.Dir = folder
	out, err := cmd.Output()
	if err != nil {
		return "of no known commit"
	}
	return strings.TrimSpace(string(out))
}

// versionOf reads from the binary itself which version of module it was built with.
func versionOf(binary, module string) (string, error) {
	if module == "" {
		return "", nil
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

// What npm installs. The lock names versions and hashes, and leaves the place they come from to npm.
var (
	//go:embed servers/typescript/package.json
	packageJSON []byte
	//go:embed servers/typescript/package-lock.json
	packageLock []byte
	//go:embed servers/typescript/server.mjs
	serverScript []byte
)

// errNoNode says that the TypeScript SDK cannot race on this machine.
var errNoNode = errors.New("the TypeScript SDK does not race: node and npm are not on the PATH")

// installTime bounds npm, which tries again when it cannot reach its registry.
const installTime = 5 * time.Minute

// buildTypeScript installs the TypeScript SDK, once, into the user's cache.
func buildTypeScript(ctx context.Context, r racer) (racer, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return r, errNoNode
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return r, errNoNode
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return r, err
	}
	sum := sha256.Sum256(append(packageLock, serverScript...))
	dir := filepath.Join(cache, "tenon-bench", hex.EncodeToString(sum[:8]))
	r.command = []string{node, filepath.Join(dir, "server.mjs")}
	r.hello = r.command
	r.version = pinned("@modelcontextprotocol/sdk")
	if _, err := os.Stat(dir); err == nil {
		return r, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return r, err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "install-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(work)
	for name, content := range map[string][]byte{"package.json": packageJSON, "package-lock.json": packageLock, "server.mjs": serverScript} {
		if err := os.WriteFile(filepath.Join(work, name), content, 0o644); err != nil {
			return r, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = work
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return r, fmt.Errorf("npm could not install the TypeScript SDK: %w\n%s", err, out)
	}
	return r, os.Rename(work, dir)
}

// pinned gives the version of a package that the lock pins.
func pinned(name string) string {
	var lock struct {
		Packages map[string]struct {
			Version string `json:"version"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(packageLock, &lock); err != nil {
		panic(err) // our own file
	}
	return "v" + lock.Packages["node_modules/"+name].Version
}

// withCatalogue gives the flags by which a server serves the catalogue.
func (r racer) withCatalogue() ([]string, error) {
	if r.name != "typescript" {
		return []string{"-catalogue"}, nil
	}
	type tool struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		InputSchema json.RawMessage `json:"inputSchema"`
	}
	var tools []tool
	for _, t := range catalogue.Tools() {
		tools = append(tools, tool{t.Name, t.Description, json.RawMessage(t.Schema)})
	}
	text, err := json.Marshal(tools)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(r.dir, "catalogue.json")
	return []string{"-catalogue", file}, os.WriteFile(file, text, 0o644)
}
