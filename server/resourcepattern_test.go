package server

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/yosida95/uritemplate/v3"
	"pgregory.net/rapid"
)

// anyForm takes a trailing "_" in a name for required, "list" for a list and "pairs" for pairs.
func anyForm(name string, _ bool) (valueForm, error) {
	return valueForm{list: strings.Contains(name, "list"), pairs: strings.Contains(name, "pairs"), required: strings.HasSuffix(name, "_")}, nil
}

func mustPattern(t testing.TB, template string) *uriPattern {
	t.Helper()
	p, err := newPattern(template, anyForm)
	require.NoError(t, err, template)
	return p
}

func TestURIsMatchTemplates(t *testing.T) {
	for _, c := range []struct {
		template, uri string
		want          [][]string // nil for no match
	}{
		{"a://b", "a://b", [][]string{}},
		{"a://b", "a://bc", nil},
		{"a:{x}", "a:", [][]string{nil}},
		{"a:{x_}", "a:", nil},
		{"a:{x}", "a:b", [][]string{{"b"}}},
		{"a:{x}", "b:b", nil},
		{"a:{x}/{y}", "a:1/2", [][]string{{"1"}, {"2"}}},
		{"a:{x}/{y}", "a:1/2/3", nil},
		{"a:{x}", "a:b%20%C3%A9", [][]string{{"b é"}}},
		{"a:{x}", "a:b%2Fc", [][]string{{"b/c"}}},
		{"a:{x}", "a:é", [][]string{{"é"}}},
		{"a:{x}", "a:%ff", nil},
		{"a:{x}", "a:%", nil},
		{"a:{x}", "a:%2", nil},
		{"a:{x}", "a:%zz", nil},
		{"a:{x}", "a:%+1", nil},
		// Written by hand, without the escapes that the expansion has.
		{"a:{x}", "a:me@example.com", [][]string{{"me@example.com"}}},
		{"a:{x}", "a:b?c", nil},
		{"a:{x}{?q}", "a:1!?q=2=3/4", [][]string{{"1!"}, {"2=3/4"}}},
		{"a:{+x}", "a:b/c?d#e", [][]string{{"b/c?d#e"}}},
		{"a:{+dir}/{file}", "a:b/c/d", [][]string{{"b/c"}, {"d"}}},
		{"a:{+x}/raw", "a:b/raw/raw", [][]string{{"b/raw"}}},
		{"a:{x,y}", "a:1,2", [][]string{{"1"}, {"2"}}},
		{"a:{x,y}", "a:1", [][]string{{"1"}, nil}},
		{"a:{x_,y_}", "a:1", nil},
		{"a:{+x,y}", "a:1,2", [][]string{{"1"}, {"2"}}},
		{"a:b{#x}", "a:b#c/d", [][]string{{"c/d"}}},
		{"a:b{#x}", "a:b", [][]string{nil}},
		{"a:www{.list*}", "a:www.example.com", [][]string{{"example", "com"}}},
		{"a:f{.x}", "a:f.tar.gz", [][]string{{"tar.gz"}}},
		{"a:f{.x,y}", "a:f.tar.gz", [][]string{{"tar"}, {"gz"}}},
		{"a:{/x,y}", "a:/1/2", [][]string{{"1"}, {"2"}}},
		{"a:{/list*}", "a:/1/2/3", [][]string{{"1", "2", "3"}}},
		{"a:{/list*}/end", "a:/1/2/end", [][]string{{"1", "2"}}},
		{"a:{/list*,x:4}", "a:/1/2/abcd", [][]string{{"1", "2", "abcd"}, nil}},
		{"a:{/list}", "a:/1,2", [][]string{{"1", "2"}}},
		{"a:{list}", "a:1,2,", [][]string{{"1", "2", ""}}},
		{"a:{list_}", "a:", nil},
		{"a:{;x,y}", "a:;x=1;y=2", [][]string{{"1"}, {"2"}}},
		{"a:{;x,y}", "a:;x;y=2", [][]string{nil, {"2"}}},
		{"a:{;x_}", "a:;x", nil},
		{"a:{;list*}", "a:;list=1;list=2", [][]string{{"1", "2"}}},
		{"a:{?x,y}", "a:?x=1&y=2", [][]string{{"1"}, {"2"}}},
		{"a:{?x,y}", "a:?y=2", [][]string{nil, {"2"}}},
		{"a:{?x,y}", "a:?x=&y=2", [][]string{nil, {"2"}}},
		{"a:{?x,y}", "a:", [][]string{nil, nil}},
		{"a:{?x,y}", "a:?z=1", nil},
		{"a:{?x_,y}", "a:?y=2", nil},
		{"a:?f=1{&x}", "a:?f=1&x=2", [][]string{{"2"}}},
		{"a:{?list*}", "a:?list=1&list=2", [][]string{{"1", "2"}}},
		{"a:{?list}", "a:?list=1,2", [][]string{{"1", "2"}}},
		{"a:{?pairs*}", "a:?b=1&c=", [][]string{{"b", "1", "c", ""}}},
		{"a:{?pairs}", "a:?pairs=b,1", [][]string{{"b", "1"}}},
		{"a:{pairs*}", "a:b=1,c=2", [][]string{{"b", "1", "c", "2"}}},
		{"a:{x:3}", "a:abc", [][]string{{"abc"}}},
		{"a:{x:3}", "a:%C3%A9%C3%A9%C3%A9", [][]string{{"ééé"}}},
		{"a:{x:3}", "a:abcd", nil},
		{"{x}:b", "a:b", [][]string{{"a"}}},
	} {
		found, ok := mustPattern(t, c.template).match(c.uri)
		require.Equal(t, c.want != nil, ok, "%s on %s", c.template, c.uri)
		if ok {
			require.Equal(t, c.want, found, "%s on %s", c.template, c.uri)
		}
	}
}

func TestTemplatesThatAreRefused(t *testing.T) {
	for template, want := range map[string]string{
		"a:{x":       "not a URI template (RFC 6570): incomplete expression",
		"a:{}":       "not a URI template (RFC 6570): unacceptable variable name",
		"a:{=x}":     "not a URI template (RFC 6570): unimplemented operator",
		"a:{x}{x}":   "the variable x occurs twice",
		"a:{x:1}{x}": "the variable x occurs twice",
		"a:{x*}":     "the variable x* can have several values: expected a slice or a map for it",
		"a:{list:3}": "the variable list:3 is the beginning of a text: expected no slice or map for it",
	} {
		_, err := newPattern(template, anyForm)
		require.ErrorContains(t, err, want, template)
	}
}

// TestExpansionsMatch: what the library expands from values is matched. (ASCII only: of others it escapes the code point.)
func TestExpansionsMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		operators := []string{"", "+", "#", ".", "/", ";", "?", "&"}
		names := []string{"a", "b", "list1", "pairs1", "c", "list2"}
		template, used := "x:", 0
		values := uritemplate.Values{}
		for range rapid.IntRange(1, 3).Draw(t, "expressions") {
			template += rapid.SampledFrom([]string{"", "/lit", "k"}).Draw(t, "literal")
			n := min(rapid.IntRange(1, 3).Draw(t, "variables"), len(names)-used)
			if n == 0 {
				break
			}
			var specs []string
			for _, name := range names[used : used+n] {
				spec := name
				text := rapid.StringMatching(`[a-zA-Z0-9 /?&=,.;%@_~-]{0,6}`)
				if strings.HasPrefix(name, "list") || strings.HasPrefix(name, "pairs") {
					text = rapid.StringMatching(`[a-zA-Z0-9 /?&=,.;%@_~-]{1,6}`) // the library leaves an "=" out otherwise
				}
				switch {
				case strings.HasPrefix(name, "list"):
					if list := rapid.SliceOfN(text, 0, 3).Draw(t, name); len(list) > 0 {
						values[name] = uritemplate.List(list...)
					}
					spec += rapid.SampledFrom([]string{"", "*"}).Draw(t, "explode")
				case strings.HasPrefix(name, "pairs"):
					if rapid.Bool().Draw(t, name) {
						values[name] = uritemplate.KV("k1", text.Draw(t, "v1"), "k2", text.Draw(t, "v2"))
					}
					spec += rapid.SampledFrom([]string{"", "*"}).Draw(t, "explode")
				default:
					if rapid.Bool().Draw(t, name) {
						values[name] = uritemplate.String(text.Draw(t, "value"))
					}
				}
				specs = append(specs, spec)
			}
			used += n
			template += "{" + rapid.SampledFrom(operators).Draw(t, "operator") + strings.Join(specs, ",") + "}"
		}
		library := uritemplate.MustNew(template)
		uri, err := library.Expand(values)
		if err != nil {
			t.Skip("the library cannot expand these")
		}
		p, err := newPattern(template, anyForm)
		require.NoError(t, err)
		_, ok := p.match(uri)
		require.True(t, ok, "%s expands to %s", template, uri)
	})
}

// TestMatchingIsLinear: a URI made to be read in many ways takes no longer than its length allows.
func TestMatchingIsLinear(t *testing.T) {
	for _, template := range []string{"a:{+v1}{+v2}{+v3}{+v4}{+v5}x", "a:{/list1*}{/list2*}{/list3*}x", "a:{list1,v1,list2,v2}x", "a:{?v1,v2,pairs*,list*}x"} {
		p := mustPattern(t, template)
		for _, piece := range []string{"a", "/", "a,", "%41", "&a=b", "/a"} {
			// Were it quadratic, each would be hundreds of thousands of millions of steps, and come to no end.
			p.match("a:" + strings.Repeat(piece, 1<<19/len(piece)) + "?")
		}
	}
}

func FuzzURIPattern(f *testing.F) {
	f.Add("a:{x}/{+y}{?list*}", "a:1/2?list=3")
	f.Add("{pairs*}{;x:3}", ";x=%C3%A9")
	f.Fuzz(func(t *testing.T, template, uri string) {
		if len(template) > 200 || len(uri) > 500 {
			return
		}
		p, err := newPattern(template, anyForm)
		if err != nil {
			return
		}
		if found, ok := p.match(uri); ok {
			require.Len(t, found, len(p.variables))
			_, _ = p.values(found)
		}
	})
}

func BenchmarkURIPattern(b *testing.B) {
	p := mustPattern(b, "repo://{owner}/{name}/{+path}{?ref}")
	for b.Loop() {
		if _, ok := p.match("repo://tenonmcp/tenon/server/resourcepattern.go?ref=main"); !ok {
			b.Fatal("no match")
		}
	}
}
