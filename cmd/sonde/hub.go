package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sonde-media/sonde/internal/hub"
	"github.com/sonde-media/sonde/internal/store"
)

// defaultListen is the port of OTLP over HTTP, open to this machine alone.
const defaultListen = "127.0.0.1:4318"

// hubOptions are what a hub needs.
type hubOptions struct {
	listen   string              // host:port; "": defaultListen
	grpc     grpcFlag            // the zero value: nowhere
	data     string              // directory of the store; "": below the user's state
	keep     time.Duration       // 0: store.DefaultKeep
	token    string              // an admin's; may be "" on loopback, and where there are others
	config   *hub.Config         // what agents are served; nil: nothing
	told     *recipients         // of incidents; nil: nobody
	reload   <-chan os.Signal    // has it looked at again at once; may be nil
	log      *slog.Logger        // nil: nothing is logged
	gatherer prometheus.Gatherer // served at /metrics too; may be nil
}

type hubFlags struct {
	hubOptions
	file string // configuration for agents
}

func hubCommand() *cobra.Command {
	var f hubFlags
	c := &cobra.Command{
		Use:   "hub [--listen ADDR] [--grpc ADDR] [--data DIR] [--keep DURATION]",
		Short: "Run the hub that keeps what agents found",
		Long: `Run the hub: it takes runs from agents as OTLP over HTTP (/v1/traces), keeps
them, and serves the status page (/), the query API (/api/v1/) and its own
/healthz, /readyz and /metrics, all on one port. On another it takes runs as
OTLP over gRPC; where a collector has that port already, it goes without, unless
--grpc asks for it.

With --config it serves that file, with all it includes, to agents too
(/api/v1/config), so that one place says what every region probes. A change is
served within seconds, or at once on SIGHUP; one with errors is refused, they
are logged, and agents keep what they have. Who stands under notify in it is
told of incidents; see sonde notify.

On an address that other machines can reach, clients must show a token: one that
sonde hub token create issued, or what the environment variable SONDE_TOKEN of
the hub holds, which is an admin's. Agents send theirs by themselves where
SONDE_TOKEN is set, browsers ask for it as a password (any name). The hub speaks
plain http; put a proxy with TLS before it where it leaves the machine, and set
SONDE_TOKEN then: on loopback nobody is asked who shows none.`,
		Example: `  sonde hub
  sonde hub token create --region eu-west --url https://hub.example:4318
  SONDE_TOKEN=$(openssl rand -hex 32) sonde hub --listen :4318 --data /var/lib/sonde --config sonde.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	c.Flags().StringVar(&f.listen, "listen", defaultListen, "`ADDR`ess to listen on")
	f.grpc.register(c.Flags())
	c.Flags().StringVar(&f.data, "data", "", "`DIR` for what is kept (default ~/.local/state/sonde/hub)")
	c.Flags().StringVar(&f.file, "config", "", "configuration `FILE` to serve to agents, sonde.yaml")
	c.Flags().DurationVar(&f.keep, "keep", store.DefaultKeep, "how long runs are kept, by whole days")
	c.AddCommand(tokenCommand(), verifyCommand(), backupCommand(), restoreCommand())
	return c
}

func (f *hubFlags) run(c *cobra.Command) (err error) {
	f.log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
	if f.file != "" {
		if f.config, err = hub.OpenConfig(f.file, f.log); err != nil {
			return usageError{err}
		}
		if f.told, err = openRecipients(f.file, f.log); err != nil {
			return usageError{err}
		}
	}
	if f.keep <= 0 {
		return usageError{fmt.Errorf("--keep %v: must be positive", f.keep)}
	}
	if f.data, err = hubDir(f.data); err != nil {
		return usageError{err}
	}
	reload, stop := hangups()
	defer stop()
	f.reload, f.token, f.gatherer = reload, token(), newRegistry()
	given := c.Flags().Changed("data")
	return serveHub(c.Context(), f.hubOptions, func(addr string) {
		fmt.Fprintf(c.OutOrStdout(), "status page   http://%s/\nagents        %s\ndata          %s, kept for %.3g days\n",
			reachable(addr), f.nextAgent(reachable(addr), given), f.data, f.keep.Hours()/24)
	})
}

// nextAgent is the command that leads to one more agent of this hub: which
// takes its configuration from here, where there is one.
func (f *hubFlags) nextAgent(addr string, dataGiven bool) string {
	if f.config == nil {
		return fmt.Sprintf("sonde agent --hub http://%s --region NAME --config FILE", addr)
	}
	create := "sonde hub token create --region NAME"
	if dataGiven {
		create += " --data " + f.data
	}
	return create + " prints the command to run there"
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
	if o.data, err = hubDir(o.data); err != nil {
		return usageError{err}
	}
	if err := o.guard(); err != nil {
		return usageError{err}
	}
	ln, calls, err := o.listeners(ctx)
	if err != nil {
		return err
	}
	defer ln.Close()
	if calls != nil {
		defer calls.Close()
	}
	st, err := store.Open(o.data, store.Options{Keep: o.keep, Log: o.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	records, err := store.OpenRecords(o.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	if ready != nil {
		ready(ln.Addr().String()) // from here on the kernel queues connections
	}
	h := hub.New(st, hub.Options{
		Token: o.token, Guarded: !o.private(), Records: records, Config: o.config,
		Log: o.log, Gatherer: o.gatherer, Version: buildVersion(),
	})
	serving, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer stop()
	looking.Go(func() { h.Run(ctx) })
	if o.told != nil {
		looking.Go(func() { o.told.notifier(h, records, ln.Addr().String(), o.log).Run(ctx) })
	}
	if o.config != nil {
		looking.Go(func() { o.config.Run(ctx, o.reload) })
	}
	if calls != nil {
		serving.Go(func() error { return h.ServeGRPC(ctx, calls) })
	}
	serving.Go(func() error { return hub.Serve(ctx, ln, h, o.log) })
	return serving.Wait()
}

// private reports whether nobody but this machine can reach the hub.
func (o *hubOptions) private() bool {
	return private(o.listen) && (o.grpc.addr == "" || private(o.grpc.addr))
}

// guard refuses to be open to others where nobody has a token.
func (o *hubOptions) guard() error {
	if err := errors.Join(checkAddress("listen", o.listen, defaultListen), o.checkGRPC()); err != nil {
		return err
	}
	if o.private() || o.token != "" {
		return nil
	}
	issued, err := store.HasTokens(o.data)
	if issued {
		return nil
	}
	return errors.Join(fmt.Errorf("%s: others can reach this address, so a token is needed: "+
		"issue one with sonde hub token create, or set SONDE_TOKEN to a long random text, here and for agents "+
		"(openssl rand -hex 32 makes one); or listen on 127.0.0.1", o.open()), err)
}

// open is the flag by which others can reach the hub.
func (o *hubOptions) open() string {
	if !private(o.listen) {
		return "--listen " + o.listen
	}
	return "--grpc " + o.grpc.addr
}

func (o *hubOptions) checkGRPC() error {
	if o.grpc.addr == "" {
		return nil
	}
	return checkAddress("grpc", o.grpc.addr, defaultGRPC)
}

// checkAddress refuses what is no address to listen on.
func checkAddress(flag, addr, example string) error {
	_, port, err := net.SplitHostPort(addr)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		return fmt.Errorf("--%s %s: want HOST:PORT, such as %s", flag, addr, example)
	}
	return nil
}

// private reports whether nobody but this machine can reach an address.
func private(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
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
