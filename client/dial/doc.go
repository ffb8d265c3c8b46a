// Package dial makes clients of servers that are named by a URL or in a configuration file, of the form that programs
// with Model Context Protocol servers share:
//
//	{"mcpServers": {
//		"files": {"command": "files-server", "args": ["-v"], "env": {"ROOT": "/srv"}},
//		"search": {"url": "https://search.example.com/mcp", "headers": {"Authorization": "Bearer …"}},
//		"chat": {"url": "wss://chat.example.com/mcp"},
//		"local": {"url": "unix:/run/user/1000/local.sock"}
//	}}
//
// It links all transports of this module. A program that needs one of them uses [client.Dial] with it.
package dial
