package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	current         = "2025-11-25"
	officialHash    = "268a5f82ba70fd7e4b6dc4aa1e64f116f74b4d0edcb69dc046829c79dd4e97e7"
	officialSchema  = "../../shared/spec/2025-11-25/schema.json"
	canonicalSchema = "../spec/2025-11-25/schema.json"
)

// A schema with all kinds of prose, and with members that have the names of prose keywords.
const wordy = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "T", "description": "D",
  "$defs": {
    "title": {"type": "string", "title": "T", "$comment": "C", "examples": ["E"]},
    "Page": {"type": "object", "description": "D <b> & é", "required": ["title"], "properties": {
      "title": {"type": "string", "title": "T"},
      "description": {"description": "D", "type": "string"},
      "examples": {"type": "array", "items": {"type": "string", "description": "D"}},
      "$comment": {"anyOf": [{"type": "string", "title": "T"}, {"type": "object", "additionalProperties": {"type": "string", "title": "T"}}]},
      "kind": {"const": "<&é>", "type": "string"}
    }}
  }
}`

const bare = `{
  "$defs": {
    "Page": {
      "properties": {
        "$comment": {
          "anyOf": [
            {
              "type": "string"
            },
            {
              "additionalProperties": {
                "type": "string"
              },
              "type": "object"
            }
          ]
        },
        "description": {
          "type": "string"
        },
        "examples": {
          "items": {
            "type": "string"
          },
          "type": "array"
        },
        "kind": {
          "const": "<&é>",
          "type": "string"
        },
        "title": {
          "type": "string"
        }
      },
      "required": [
        "title"
      ],
      "type": "object"
    },
    "title": {
      "type": "string"
    }
  },
  "$schema": "https://json-schema.org/draft/2020-12/schema"
}
`

// emptyRepository is a repository that has no revision yet.
func emptyRepository(t *testing.T) string {
	dir := t.TempDir()
	files := fileSet{"spec/overlay.yaml": nil, "spec/docs.yaml": nil}
	_, err := files.write(dir)
	require.NoError(t, err)
	return dir
}

func runIn(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(dir, args, &out)
	return out.String(), err
}

func TestImportKeepsStructureAndDropsProse(t *testing.T) {
	dir := emptyRepository(t)
	official := filepath.Join(t.TempDir(), "official.json")
	require.NoError(t, os.WriteFile(official, []byte(wordy), 0o666))
	out, err := runIn(t, dir, "import", "-rev", "2025-01-01", official)
	require.NoError(t, err)
	require.Equal(t, "spec/2025-01-01/schema.json (new)\nspec/SOURCE.json (new)\n", out)
	require.Equal(t, bare, readFile(t, dir, "spec/2025-01-01/schema.json"))
	require.Equal(t, hashOf(wordy), recordedHash(t, dir, "2025-01-01"))
}

func TestImportTwiceChangesNothing(t *testing.T) {
	dir := emptyRepository(t)
	official := filepath.Join(t.TempDir(), "official.json")
	require.NoError(t, os.WriteFile(official, []byte(wordy), 0o666))
	_, err := runIn(t, dir, "import", "-rev", "2025-01-01", official)
	require.NoError(t, err)
	before := contents(t, dir)
	out, err := runIn(t, dir, "import", "-rev", "2025-01-01", official)
	require.NoError(t, err)
	require.Equal(t, "spec/2025-01-01/schema.json (unchanged)\nspec/SOURCE.json (unchanged)\n", out)
	require.Equal(t, before, contents(t, dir))
}

func TestImportOfCanonicalFileKeepsOfficialHash(t *testing.T) {
	dir := emptyRepository(t)
	official := filepath.Join(t.TempDir(), "official.json")
	require.NoError(t, os.WriteFile(official, []byte(wordy), 0o666))
	_, err := runIn(t, dir, "import", "-rev", "2025-01-01", official)
	require.NoError(t, err)
	before := contents(t, dir)
	_, err = runIn(t, dir, "import", "-rev", "2025-01-01", filepath.Join(dir, "spec/2025-01-01/schema.json"))
	require.NoError(t, err)
	require.Equal(t, before, contents(t, dir))
}

func TestImportOfAnotherRevisionKeepsTheFirst(t *testing.T) {
	dir := emptyRepository(t)
	official := filepath.Join(t.TempDir(), "official.json")
	require.NoError(t, os.WriteFile(official, []byte(wordy), 0o666))
	for _, rev := range []string{"2025-01-01", "2026-01-01"} {
		_, err := runIn(t, dir, "import", "-rev", rev, official)
		require.NoError(t, err)
	}
	require.Equal(t, hashOf(wordy), recordedHash(t, dir, "2025-01-01"))
	require.Equal(t, hashOf(wordy), recordedHash(t, dir, "2026-01-01"))
	require.Equal(t, bare, readFile(t, dir, "spec/2025-01-01/schema.json"))
}

func TestImportOfOfficialFile(t *testing.T) {
	data, err := os.ReadFile(officialSchema)
	if os.IsNotExist(err) {
		t.Skip("the official schema is not on this machine: " + officialSchema)
	}
	require.NoError(t, err)
	require.Equal(t, officialHash, hashOf(string(data)))
	dir := emptyRepository(t)
	official, err := filepath.Abs(officialSchema)
	require.NoError(t, err)
	_, err = runIn(t, dir, "import", "-rev", current, official)
	require.NoError(t, err)
	require.Equal(t, officialHash, recordedHash(t, dir, current))
	ours, err := os.ReadFile(canonicalSchema)
	require.NoError(t, err)
	require.Equal(t, string(ours), readFile(t, dir, "spec/2025-11-25/schema.json"))
}

func TestRecordedHashIsTheOfficialOne(t *testing.T) {
	require.Equal(t, officialHash, recordedHash(t, "..", current))
}

func TestImportRefuses(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good.json")
	require.NoError(t, os.WriteFile(good, []byte(wordy), 0o666))
	bad := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte(`{"$defs": {"Page": {"type": "object", "patternProperties": {}}}}`), 0o666))
	const usage = "usage: go run ./gen import -rev YYYY-MM-DD FILE"
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no revision":      {[]string{good}, usage},
		"no such revision": {[]string{"-rev", "latest", good}, usage},
		"no file":          {[]string{"-rev", "2025-01-01"}, usage},
		"two files":        {[]string{"-rev", "2025-01-01", good, good}, usage},
		"unknown flag":     {[]string{"-revision", "2025-01-01", good}, "flag provided but not defined: -revision"},
		"missing file":     {[]string{"-rev", "2025-01-01", "nowhere.json"}, "open nowhere.json: no such file or directory"},
		"unknown keyword": {[]string{"-rev", "2025-01-01", bad}, bad + `: 2025-01-01: /$defs/Page/patternProperties: the keyword "patternProperties" is not one the generator knows
    errata:
      - at: /$defs/Page
        set: <the node without patternProperties>
        why: <why the schema is wrong here, or need not say it>
        revisions: ["2025-01-01"]`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := emptyRepository(t)
			before := contents(t, dir)
			_, err := runIn(t, dir, append([]string{"import"}, c.args...)...)
			require.EqualError(t, err, c.want)
			require.Equal(t, before, contents(t, dir))
		})
	}
}

// An unknown keyword that the overlay settles no longer stands in the way; the file keeps it.
func TestImportHeedsErrata(t *testing.T) {
	dir := emptyRepository(t)
	official := filepath.Join(dir, "official.json")
	files := fileSet{
		"official.json": []byte(`{"$defs": {"Page": {"type": "object", "patternProperties": {}}}}`),
		"spec/overlay.yaml": []byte(`errata:
  - {at: /$defs/Page, set: {type: object}, why: The pattern allows everything., revisions: ["2025-01-01"]}
`),
	}
	_, err := files.write(dir)
	require.NoError(t, err)
	_, err = runIn(t, dir, "import", "-rev", "2025-01-01", official)
	require.NoError(t, err)
	require.Contains(t, readFile(t, dir, "spec/2025-01-01/schema.json"), "patternProperties")
}

func TestUnknownSubcommand(t *testing.T) {
	out, err := runIn(t, emptyRepository(t), "expart")
	require.EqualError(t, err, `there is no subcommand "expart"`)
	require.Contains(t, out, "usage: go run ./gen")
}

func readFile(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(data)
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func recordedHash(t *testing.T, dir, rev string) string {
	t.Helper()
	var src sources
	require.NoError(t, json.Unmarshal([]byte(readFile(t, dir, "spec/SOURCE.json")), &src))
	return src.Revisions[rev].SHA256
}

// contents reads all files below dir.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		out[rel] = readFile(t, dir, rel)
		return nil
	}))
	return out
}
