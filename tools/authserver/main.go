// Command authserver is an authorization server on loopback, to try Tenon's authorization against: see README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "authserver:", err)
		os.Exit(1)
	}
}

// run is the command. Without a subcommand it serves until ctx ends, after it has written its issuer to out.
func run(ctx context.Context, args []string, out, errs io.Writer) error {
	if len(args) > 0 && args[0] == "rotate" {
		return rotate(ctx, args[1:], out, errs)
	}
	o := options{people: map[string]string{}, clients: map[string]string{}, resourceServers: map[string]string{}}
	flags := flag.NewFlagSet("authserver", flag.ContinueOnError)
	flags.SetOutput(errs)
	listen := flags.String("listen", "127.0.0.1:9000", "address of this machine to listen on; port 0 is a free one")
	verbose := flags.Bool("v", false, "log requests and refusals to standard error")
	flags.DurationVar(&o.lifetime, "lifetime", 5*time.Minute, "how long access tokens live")
	flags.DurationVar(&o.refreshLifetime, "refresh-lifetime", 24*time.Hour, "how long refresh tokens live")
	flags.Func("user", "name:password of somebody who may sign in; again for others (default ada:lovelace)", pairs(o.people))
	flags.Func("machine", "id:secret of a client for the client credentials grant; again for others", pairs(o.clients))
	flags.Func("resource-server", "id:secret of a server that may introspect tokens; again for others", pairs(o.resourceServers))
	flags.Func("resource", "URL that tokens may be for; again for others (default any)", func(s string) error { o.resources = append(o.resources, s); return nil })
	flags.Func("scopes", "scopes that may be asked for, separated by spaces (default any)", func(s string) error { o.scopes = strings.Fields(s); return nil })
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no command: the only one is rotate", flags.Arg(0))
	}
	if len(o.people) == 0 {
		o.people["ada"] = "lovelace"
	}
	level := slog.LevelError
	if *verbose {
		level = slog.LevelDebug
	}
	o.log = slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: level}))
	l, err := listenOnLoopback(*listen)
	if err != nil {
		return err
	}
	o.issuer = "http://" + l.Addr().String()
	handler, err := newServer(o)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	web := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	if _, err := fmt.Fprintln(out, o.issuer); err != nil {
		return errors.Join(err, l.Close())
	}
	ended := context.AfterFunc(ctx, func() { _ = web.Close() })
	defer ended()
	if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// listenOnLoopback refuses addresses that others could reach: the passwords here are no secrets.
func listenOnLoopback(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("-listen %q: %w", address, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("-listen %q is no loopback address, such as 127.0.0.1:9000", address)
	}
	return net.Listen("tcp", address)
}

// pairs reads a flag of the form name:secret.
func pairs(into map[string]string) func(string) error {
	return func(text string) error {
		name, secret, ok := strings.Cut(text, ":")
		if !ok || name == "" || secret == "" {
			return errors.New("expected name:secret")
		}
		into[name] = secret
		return nil
	}
}

// rotate is the subcommand that has a running server sign with a new key.
func rotate(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("authserver rotate", flag.ContinueOnError)
	flags.SetOutput(errs)
	forget := flags.Bool("forget", false, "forget the keys before at once, as if one had been stolen: their tokens are worth nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("rotate takes the issuer, such as http://127.0.0.1:9000")
	}
	at := strings.TrimSuffix(flags.Arg(0), "/") + pathRotate
	if *forget {
		at += "?forget=true"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, nil)
	if err != nil {
		return err
	}
	req.Header.Set(adminHeader, "rotate")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	_, err = out.Write(text)
	return err
}
