package main

// module is the path of the module that is checked. Folders in the table are relative to it.
const module = "github.com/tenonmcp/tenon"

// row says what the packages in a folder and below it may import, besides the standard library and
// each other. The row with the longest folder counts: server/servertest does not follow server's.
type row struct {
	folder    string
	may       []string // folders of this module
	libraries []string // import paths of other modules, with all below them
	tests     []string // folders that its tests may import besides; tests may use any library
}

const (
	public     = "*" // in may: every folder but the private ones
	anyLibrary = "*" // in libraries: every one
)

// private are the folders that nothing imports.
var private = []string{"gen", "tools"}

// table is the table of the design, "Layout". The packages in it need not exist.
var table = []row{
	{folder: "spec"},
	{folder: "gen", may: []string{"spec"}, libraries: []string{anyLibrary}},
	{folder: "generated", may: []string{"runtime/wire", "runtime/rpc"}, tests: []string{"runtime/pipe", "runtime/stdio"}},

	{folder: "runtime/wire", libraries: []string{"github.com/goccy/go-json"}},
	{folder: "runtime/rpc", may: []string{"runtime/wire"}, tests: []string{"runtime/pipe"}},
	{folder: "runtime/transporttest", may: transport, libraries: []string{"github.com/stretchr/testify", "go.uber.org/goleak"}, tests: []string{
		"runtime/pipe", "runtime/stdio", "runtime/streamhttp",
	}},
	{folder: "runtime/transporttest/every", may: []string{
		"runtime/rpc", "runtime/pipe", "runtime/stdio", "runtime/tcp", "runtime/websocket", "runtime/streamhttp", "runtime/legacysse",
	}, libraries: []string{"go.uber.org/goleak"}, tests: []string{"runtime/transporttest", "runtime/wire"}},
	{folder: "runtime/schemalimit", may: []string{"runtime/wire"}},
	{folder: "runtime/schema", may: []string{"runtime/wire", "runtime/schemalimit"}, tests: []string{"runtime/fullschema"}},
	{folder: "runtime/fullschema", may: []string{"runtime/wire", "runtime/schema"}, libraries: []string{"github.com/santhosh-tekuri/jsonschema/v6"}},
	{folder: "runtime/ratelimit", may: []string{"runtime/wire", "runtime/rpc"}, libraries: []string{"golang.org/x/time"}},
	{folder: "runtime/internal", may: transport},
	{folder: "runtime/pipe", may: transport, tests: transportTests},
	{folder: "runtime/stdio", may: transport, tests: transportTests},
	{folder: "runtime/tcp", may: transport, tests: transportTests},
	{folder: "runtime/websocket", may: transport, tests: transportTests, libraries: []string{"github.com/coder/websocket"}},
	{folder: "runtime/streamhttp", may: transport, tests: transportTests},
	{folder: "runtime/legacysse", may: transport, tests: transportTests},

	{folder: "runtime/tasks", may: []string{"generated", "runtime/rpc", "runtime/wire", "runtime/ratelimit"}, tests: []string{"runtime/pipe", "runtime/tasks/storetest"}},

	{folder: "runtime/tasks/storetest", may: []string{"generated", "runtime/rpc", "runtime/wire", "runtime/tasks"}, libraries: []string{"github.com/stretchr/testify"}},
	{folder: "server", may: []string{"generated", "runtime/ratelimit", "runtime/rpc", "runtime/schema", "runtime/schemalimit", "runtime/wire", "runtime/tasks"}, tests: []string{"runtime/fullschema", "server/servertest", "client", "runtime/pipe", "runtime/stdio", "runtime/streamhttp", "runtime/transporttest/every"}, libraries: []string{
		"github.com/yosida95/uritemplate/v3",
	}},
	{folder: "server/servertest", may: []string{"server", "client", "runtime/pipe", "runtime/rpc"}, tests: []string{"generated"}},
	{folder: "server/serverauth", may: []string{"server", "runtime/rpc", "runtime/wire"}, tests: []string{"runtime/streamhttp", "runtime/legacysse", "runtime/websocket", "client"}, libraries: []string{"github.com/lestrrat-go/jwx/v3"}},
	{folder: "server/taskbolt", may: []string{"server", "runtime/rpc", "runtime/wire", "runtime/tasks"}, tests: []string{
		"generated", "client", "runtime/ratelimit", "runtime/stdio", "runtime/streamhttp", "runtime/tasks/storetest",
	}, libraries: []string{"go.etcd.io/bbolt"}},

	{folder: "client", may: []string{"generated", "runtime/rpc", "runtime/schema", "runtime/schemalimit", "runtime/wire", "runtime/tasks"}, tests: []string{"runtime/fullschema", "runtime/pipe", "runtime/stdio", "runtime/transporttest/every"}},
	{folder: "client/dial", may: []string{
		"client", "generated", "runtime/rpc", "runtime/wire", "runtime/pipe", "runtime/stdio", "runtime/tcp", "runtime/websocket", "runtime/streamhttp", "runtime/legacysse",
	}},
	{folder: "client/resilience", may: []string{"generated", "runtime/rpc", "runtime/wire"}, tests: []string{"client", "runtime/pipe", "runtime/streamhttp"}, libraries: []string{
		"github.com/sony/gobreaker/v2",
	}},
	{folder: "client/clientauth", may: []string{"client", "runtime/rpc", "runtime/wire"}, tests: []string{
		"generated", "server", "server/serverauth", "runtime/streamhttp", "runtime/legacysse", "runtime/websocket",
	}, libraries: []string{
		"golang.org/x/oauth2", "github.com/lestrrat-go/jwx/v3",
	}},

	{folder: "tools", may: []string{public}, libraries: []string{anyLibrary}},
	{folder: "examples", may: []string{public}, libraries: []string{anyLibrary}},
}

var (
	transport      = []string{"runtime/wire", "runtime/rpc", "runtime/ratelimit", "runtime/internal"}
	transportTests = []string{"runtime/transporttest"}
)

// guarded are packages of the standard library that only some folders may import, tests aside.
// JSON from outside is read by runtime/wire alone: encoding/json matches keys in any case and lets
// the last duplicate win. The generator and the tools read files of our own.
var guarded = map[string][]string{
	"encoding/json": {"gen", "tools", "examples"},
}

// linkRule says that a program importing roots must not link any of never.
type linkRule struct {
	roots []string // folders of this module; those that do not exist are left out
	never []string // import paths, with all below them
}

// slim is a server or client over stdio: it pays for no other transport, no authorization, no complete schema library, and
// nothing that the generator or the tests use.
var slim = linkRule{
	roots: []string{"generated/mcp", "runtime/stdio", "server", "client"},
	never: []string{
		module + "/gen",
		module + "/spec",
		"github.com/alecthomas/kong",
		"github.com/atombender/go-jsonschema",
		"github.com/coder/websocket",
		"github.com/dave/jennifer",
		"github.com/goccy/go-yaml",
		"github.com/lestrrat-go",
		"github.com/rogpeppe/go-internal",
		"github.com/santhosh-tekuri/jsonschema",
		"github.com/sony/gobreaker",
		"github.com/spf13",
		"github.com/stretchr/testify",
		"go.etcd.io/bbolt",
		"go.uber.org/goleak",
		"golang.org/x/oauth2",
		"golang.org/x/text",
		"golang.org/x/tools",
		"gopkg.in/yaml.v3",
		"go.yaml.in/yaml",
		"pgregory.net/rapid",
		"testing",
	},
}
