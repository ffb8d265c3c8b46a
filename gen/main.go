// Command gen turns the MCP schemas in spec/ into the Go package generated/mcp.
//
//	go run ./gen                             generate
//	go run ./gen -check                      fail, naming them, if generated files are stale
//	go run ./gen import -rev REVISION FILE   import an official schema file
//	go run ./gen since -rev REVISION OLDER=FILE ...   compare with older official schemas
//	go run ./gen report                      what became of each definition and method
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const outDir = "generated/mcp"

func main() {
	if err := run(".", os.Args[1:], os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "gen:", err)
		}
		os.Exit(1)
	}
}

// run is the command, with dir as the root of the repository.
func run(dir string, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("gen", flag.ContinueOnError)
	flags.SetOutput(out)
	check := flags.Bool("check", false, "write nothing; fail and name the files that are stale")
	flags.Usage = func() {
		fmt.Fprint(out, "usage: go run ./gen [-check | import -rev REVISION FILE | since -rev REVISION OLDER=FILE ... | report]\n")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch flags.Arg(0) {
	case "import":
		return runImport(dir, flags.Args()[1:], out)
	case "since":
		return runSince(dir, flags.Args()[1:], out)
	case "report":
		p, err := readProtocol(dir)
		if err != nil {
			return err
		}
		_, err = out.Write(report(p))
		return err
	case "":
		return generate(dir, *check, out)
	}
	flags.Usage()
	return fmt.Errorf("there is no subcommand %q", flags.Arg(0))
}

func readProtocol(dir string) (*protocol, error) {
	in, err := load(dir)
	if err != nil {
		return nil, err
	}
	p, problems := makeProtocol(in)
	return p, errors.Join(problems...)
}

func generate(dir string, check bool, out io.Writer) error {
	p, err := readProtocol(dir)
	if err != nil {
		return err
	}
	files, err := emit(p, outDir)
	if err != nil {
		return err
	}
	if err := files.addStatic("mcp", outDir); err != nil {
		return err
	}
	if check {
		stale, err := files.stale(dir, outDir)
		if err != nil {
			return err
		}
		for _, path := range stale {
			fmt.Fprintln(out, "stale:", path)
		}
		if len(stale) > 0 {
			return fmt.Errorf("%d files are stale: run `make generate`", len(stale))
		}
		fmt.Fprintf(out, "%d files are as generated\n", len(files))
		return nil
	}
	done, err := files.replace(dir, outDir)
	if err != nil {
		return err
	}
	for _, r := range p.Revisions {
		defs := 0
		for _, c := range p.Covered {
			if c.Revision == r.Name {
				defs++
			}
		}
		fmt.Fprintf(out, "read  %s: %d definitions (official file sha256 %.12s…)\n", r.Path, defs, r.SHA256)
	}
	fmt.Fprintf(out, "model %d types, %d methods, %d handler interfaces\n", len(p.Types), len(p.Methods), len(p.Handlers))
	for _, path := range sortedKeys(files) {
		fmt.Fprintf(out, "wrote %s (%d bytes, %s)\n", path, len(files[path]), done.word(path))
	}
	for _, path := range sortedKeys(done) {
		if done[path] == "removed" {
			fmt.Fprintf(out, "removed %s\n", path)
		}
	}
	return nil
}
