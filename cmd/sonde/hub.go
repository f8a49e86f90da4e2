package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/hub"
	"github.com/sonde-media/sonde/internal/store"
)

// defaultListen is the port of OTLP over HTTP, open to this machine alone.
const defaultListen = "127.0.0.1:4318"

// hubOptions are what a hub needs.
type hubOptions struct {
	listen   string              // host:port; "": defaultListen
	data     string              // directory of the store; "": below the user's state
	keep     time.Duration       // 0: store.DefaultKeep
	token    string              // what clients must show; "" only on loopback
	log      *slog.Logger        // nil: nothing is logged
	gatherer prometheus.Gatherer // served at /metrics too; may be nil
}

type hubFlags struct {
	hubOptions
	config string
}

func hubCommand() *cobra.Command {
	var f hubFlags
	c := &cobra.Command{
		Use:   "hub [--listen ADDR] [--data DIR] [--keep DURATION]",
		Short: "Run the hub that keeps what agents found",
		Long: `Run the hub: it takes runs from agents as OTLP over HTTP (/v1/traces), keeps
them, and serves the status page (/), the query API (/api/v1/) and its own
/healthz, /readyz and /metrics, all on one port.

On an address that other machines can reach, clients must show the token that
the environment variable SONDE_TOKEN holds: agents send it by themselves where
the same variable is set, browsers ask for it as a password (any name). The hub
speaks plain http; put a proxy with TLS before it where it leaves the machine.`,
		Example: `  sonde hub
  SONDE_TOKEN=$(openssl rand -hex 32) sonde hub --listen :4318 --data /var/lib/sonde`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	c.Flags().StringVar(&f.listen, "listen", defaultListen, "`ADDR`ess to listen on")
	c.Flags().StringVar(&f.data, "data", "", "`DIR` for what is kept (default ~/.local/state/sonde/hub)")
	c.Flags().StringVar(&f.config, "config", "", "configuration `FILE` to check at the start, sonde.yaml")
	c.Flags().DurationVar(&f.keep, "keep", store.DefaultKeep, "how long runs are kept, by whole days")
	return c
}

func (f *hubFlags) run(c *cobra.Command) error {
	if f.config != "" {
		if _, err := config.Load(f.config); err != nil {
			return usageError{err}
		}
	}
	if f.keep <= 0 {
		return usageError{fmt.Errorf("--keep %v: must be positive", f.keep)}
	}
	var err error
	if f.data, err = hubDir(f.data); err != nil {
		return usageError{err}
	}
	f.token = token()
	f.log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
	f.gatherer = newRegistry()
	return serveHub(c.Context(), f.hubOptions, func(addr string) {
		fmt.Fprintf(c.OutOrStdout(), "status page   http://%s/\nagents        sonde agent --hub http://%s --region NAME --config FILE\ndata          %s, kept for %.3g days\n",
			reachable(addr), reachable(addr), f.data, f.keep.Hours()/24)
	})
}

// hubDir returns where the hub keeps its data: dir, or by default a directory
// beside those of agents.
func hubDir(dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	beside, err := agentDir("", "hub")
	return filepath.Join(filepath.Dir(beside), "hub"), err
}

// serveHub runs a hub until ctx ends, then answers what is under way and
// closes the store. It calls ready with the address, once requests are
// answered there. ready may be nil.
func serveHub(ctx context.Context, o hubOptions, ready func(addr string)) (err error) {
	if o.listen == "" {
		o.listen = defaultListen
	}
	if err := guardListen(o.listen, o.token); err != nil {
		return usageError{err}
	}
	if o.data, err = hubDir(o.data); err != nil {
		return usageError{err}
	}
	ln, err := listenHub(ctx, o.listen)
	if err != nil {
		return err
	}
	st, err := store.Open(o.data, store.Options{Keep: o.keep})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if ready != nil {
		ready(ln.Addr().String()) // from here on the kernel queues connections
	}
	return hub.Serve(ctx, ln, hub.New(st, hub.Options{Token: o.token, Log: o.log, Gatherer: o.gatherer}), o.log)
}

// guardListen refuses to be open to others without a token.
func guardListen(listen, token string) error {
	host, port, err := net.SplitHostPort(listen)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		return fmt.Errorf("--listen %s: want HOST:PORT, such as %s", listen, defaultListen)
	}
	if addr, err := netip.ParseAddr(host); host == "localhost" || err == nil && addr.Unmap().IsLoopback() || token != "" {
		return nil
	}
	return fmt.Errorf("--listen %s: others can reach this address, so a token is needed: "+
		"set SONDE_TOKEN to a long random text, here and for agents (openssl rand -hex 32 makes one); or listen on 127.0.0.1", listen)
}

func listenHub(ctx context.Context, listen string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s: address already in use; another sonde or OpenTelemetry collector may run there; choose another with --listen", listen)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", listen, err)
	}
	return ln, nil
}

// reachable returns the address by which this machine reaches a listener that
// may listen on all.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip, ipErr := netip.ParseAddr(host); err == nil && ipErr == nil && ip.IsUnspecified() {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}
