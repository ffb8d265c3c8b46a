// Command client calls the tools of a server that needs tokens, by default that of examples/auth. It opens the browser when
// the user has to sign in or to consent, and shows each step of that. The token is kept for the next time.
//
//	go run ./examples/auth/client [-store FOLDER] [URL]
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/client/clientauth"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

func main() {
	folder := flag.String("store", "", "`folder` to keep tokens in; by default one of the user's cache folder")
	flag.Parse()
	url := "http://127.0.0.1:8080/mcp"
	if flag.NArg() > 0 {
		url = flag.Arg(0)
	}
	if err := talk(context.Background(), url, *folder, clientauth.OpenBrowser, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

// talk calls whoami and forget, which needs a scope more.
func talk(ctx context.Context, url, folder string, open func(context.Context, string) error, out io.Writer) (err error) {
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		folder = filepath.Join(cache, "tenon-examples-auth")
	}
	auth, err := clientauth.New(url, clientauth.Browser(open), clientauth.WithStore(clientauth.FileStore(folder)),
		clientauth.WithRegistration(clientauth.Registration{Name: "Tenon's example"}), clientauth.Trace(out))
	if err != nil {
		return err
	}
	defer auth.CloseIdleConnections()
	c, err := client.Dial(ctx, client.Info("auth-client", "1.0.0"), streamhttp.Connect(url, streamhttp.WithClient(auth.Client())))
	if err != nil {
		return err
	}
	defer func() {
		if closing := c.Close(); err == nil {
			err = closing
		}
	}()
	for _, tool := range []string{"whoami", "forget"} {
		text, err := client.CallTool[string](ctx, c, tool, nil)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%s: %s\n", tool, text)
	}
	return nil
}
