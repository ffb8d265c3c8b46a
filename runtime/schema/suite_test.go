package schema_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/schema"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// suiteVariable names the environment variable with the folder of the official JSON-Schema-Test-Suite.
const suiteVariable = "JSON_SCHEMA_TEST_SUITE"

// TestOfficialSuite runs the cases of github.com/json-schema-org/JSON-Schema-Test-Suite for the dialects that are known.
// No case of it is part of this repository: check it out elsewhere and name its folder.
func TestOfficialSuite(t *testing.T) {
	root := os.Getenv(suiteVariable)
	if root == "" {
		t.Skipf("%s does not name the folder of a checkout of json-schema-org/JSON-Schema-Test-Suite", suiteVariable)
	}
	complete := subsetOnly(t)
	for folder, dialect := range map[string]string{"draft2020-12": schema.Dialect2020, "draft7": schema.Dialect07 + "#"} {
		files, err := filepath.Glob(filepath.Join(root, "tests", folder, "*.json"))
		require.NoError(t, err)
		require.NotEmpty(t, files, "in %s", folder)
		formats, err := filepath.Glob(filepath.Join(root, "tests", folder, "optional", "format", "*.json"))
		require.NoError(t, err)
		s := &suite{dialect: dialect}
		for _, file := range files {
			s.run(t, file, false)
		}
		t.Logf("%s: %d cases pass; %d in %d schemas are beyond the subset (%v) and %d take other documents, which is refused", folder, s.passed, s.beyondCases, s.beyond, s.keywords, s.remote)
		schema.Register(complete)
		all := &suite{dialect: dialect, complete: true}
		for _, file := range files {
			all.run(t, file, false)
		}
		schema.Register(nil)
		t.Logf("%s, with fullschema: %d cases pass and %d schemas take other documents, which is refused", folder, all.passed, all.remote)
		f := &suite{dialect: dialect}
		for _, file := range formats {
			f.run(t, file, true)
		}
		t.Logf("%s, optional formats: %d cases pass, %d differ (%d with the library), %d are beyond the subset", folder, f.passed, f.differ, f.theirs, f.beyondCases)
	}
}

type suite struct {
	theirs                                      int  // that differ with the library
	complete                                    bool // with the library
	dialect                                     string
	passed, differ, beyond, beyondCases, remote int
	keywords                                    map[string]int
}

func (s *suite) run(t *testing.T, file string, formats bool) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var groups []struct {
		Description string
		Schema      json.RawMessage
		Tests       []struct {
			Description string
			Data        json.RawMessage
			Valid       bool
		}
	}
	require.NoError(t, json.Unmarshal(text, &groups))
	for _, g := range groups {
		raw, err := wire.ParseRaw(g.Schema)
		require.NoError(t, err)
		var o wire.Object
		if raw.Kind() == wire.KindObject {
			require.NoError(t, raw.Decode(&o))
			if _, ok := o.Get("$schema"); !ok && s.dialect != schema.Dialect2020 {
				name, err := wire.Marshal(s.dialect)
				require.NoError(t, err)
				o.Set("$schema", name)
				raw, err = wire.ParseRaw(o.AppendJSON(nil))
				require.NoError(t, err)
			}
		}
		c, err := schema.Compile(raw, schema.Options{Formats: formats})
		if outside, ok := errors.AsType[*schema.Outside](err); ok {
			if s.keywords == nil {
				s.keywords = map[string]int{}
			}
			s.keywords[outside.Keyword]++
			s.beyond++
			s.beyondCases += len(g.Tests)
			continue
		}
		if err != nil && (strings.Contains(err.Error(), "may refer to places within itself only") || strings.Contains(err.Error(), "dialect")) {
			s.remote++
			continue
		}
		if err != nil {
			t.Errorf("%s: %s: %v\n%s", filepath.Base(file), g.Description, err, g.Schema)
			continue
		}
		var theirs *jsonschema.Schema
		if formats { // few validators have all of them right
			theirs, err = library(raw.String(), true)
			require.NoError(t, err)
		}
		for _, x := range g.Tests {
			value, err := wire.ParseRaw(x.Data)
			require.NoError(t, err)
			if formats && (libraryCheck(theirs, value) == nil) != x.Valid {
				s.theirs++
			}
			err = c.Check(value)
			if (err == nil) == x.Valid && (formats || s.complete || c.Accepts(value) == x.Valid) {
				s.passed++
				continue
			}
			if formats {
				s.differ++
				continue
			}
			t.Errorf("%s: %s: %s: valid %v, accepted %v, got %v\n%s\n%s", filepath.Base(file), g.Description, x.Description, x.Valid, c.Accepts(value), err, g.Schema, x.Data)
		}
	}
}
