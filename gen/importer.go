package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
)

// sources is spec/SOURCE.json: where each revision's schema came from.
type sources struct {
	Revisions map[string]source `json:"revisions"`
}

type source struct {
	// SHA256 is the hash of the official file, in hexadecimal.
	SHA256 string `json:"sha256"`
}

var revisionName = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// runImport is `gen import -rev R FILE`.
func runImport(dir string, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("import", flag.ContinueOnError)
	flags.SetOutput(out)
	rev := flags.String("rev", "", "the revision that FILE describes, as YYYY-MM-DD")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !revisionName.MatchString(*rev) || flags.NArg() != 1 {
		return fmt.Errorf("usage: go run ./gen import -rev YYYY-MM-DD FILE")
	}
	data, err := os.ReadFile(flags.Arg(0))
	if err != nil {
		return err
	}
	files, err := importSchema(dir, *rev, data)
	if err != nil {
		return fmt.Errorf("%s: %w", flags.Arg(0), err)
	}
	changed, err := files.write(dir)
	if err != nil {
		return err
	}
	for _, path := range sortedKeys(files) {
		fmt.Fprintf(out, "%s (%s)\n", path, changed.word(path))
	}
	return nil
}

// importSchema makes the canonical schema file and the updated SOURCE.json, both relative to dir.
func importSchema(dir, rev string, data []byte) (fileSet, error) {
	tree, err := parseTree(data)
	if err != nil {
		return nil, err
	}
	ov, err := readOverlay(dir)
	if err != nil {
		return nil, err
	}
	if _, err := patchedTree(rev, data, ov); err != nil {
		return nil, err
	}
	walkSchema(tree, "", func(_ string, node any) {
		for _, key := range proseKeywords {
			delete(node.(map[string]any), key)
		}
	})
	src, err := readSources(dir)
	if err != nil {
		return nil, err
	}
	// an import of our own canonical file must not overwrite the official file's hash
	canon := canonical(tree)
	if string(canon) != string(data) || src.Revisions[rev].SHA256 == "" {
		sum := sha256.Sum256(data)
		src.Revisions[rev] = source{SHA256: hex.EncodeToString(sum[:])}
	}
	record, err := json.MarshalIndent(src, "", "  ")
	if err != nil {
		return nil, err
	}
	return fileSet{
		filepath.Join("spec", rev, "schema.json"): canon,
		filepath.Join("spec", "SOURCE.json"):      append(record, '\n'),
	}, nil
}

func readSources(dir string) (*sources, error) {
	src := &sources{Revisions: map[string]source{}}
	path := filepath.Join(dir, "spec", "SOURCE.json")
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return src, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, src); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return src, nil
}
