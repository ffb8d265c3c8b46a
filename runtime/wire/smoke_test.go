package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	for _, s := range []string{`{"a":[1,2,{"b":null}],"c":"x\n\u00e9"}`, `[]`, `{}`, ` 1 `, `"é"`, `[{"a":1,"b":2},{"a":1}]`} {
		require.NoError(t, Valid([]byte(s), Options{}), s)
	}
	for _, s := range []string{``, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `[1,]`, `01`, `{"a":1}x`, `{"x":{"a":01}}`, "\"\x00\"", `"\q"`, `"\u12"`, `NaN`, `[}`, `{"a" 1}`, "\xef\xbb\xbf1", "\"\xff\"", `{"\ud800":1}`} {
		err := Valid([]byte(s), Options{})
		require.Error(t, err, s)
		t.Log(s, " -> ", err)
	}
	var in struct {
		Name string `json:"name"`
		N    int    `json:"n"`
		L    []struct{ X int }
	}
	t.Log(MustRaw(`{"name":"x","n":"5"}`).Unmarshal(&in))
	t.Log(MustRaw(`{"name":"x","L":[{"X":1},{"X":1.5}]}`).Unmarshal(&in))
	t.Log(MustRaw(`{"name":5,"L":[{"X":1},{"X":1.5}]}`).Unmarshal(&in))
	require.NoError(t, MustRaw(`{"name":"\ud800","n":9007199254740993,"NAME":"no"}`).Unmarshal(&in))
	t.Logf("%+q", in.Name)
	_, err := Marshal(map[string]any{"x": make(chan int)})
	t.Log(err)
	var id ID
	require.NoError(t, Decode([]byte("9007199254740993"), &id))
	require.Equal(t, "9007199254740993", id.String())
}
