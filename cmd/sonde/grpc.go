package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"

	"github.com/spf13/pflag"
)

// defaultGRPC is the port of OTLP over gRPC, open to this machine alone.
const defaultGRPC = "127.0.0.1:4317"

// A grpcFlag is where a hub takes OTLP over gRPC; the zero value: nowhere.
type grpcFlag struct {
	addr  string
	given bool // on the command line
}

func (g *grpcFlag) String() string { return g.addr }

// Set notes an address that was asked for.
func (g *grpcFlag) Set(addr string) error {
	*g = grpcFlag{addr, true}
	return nil
}

// Type is what help says of the value.
func (g *grpcFlag) Type() string { return "string" }

func (g *grpcFlag) register(fs *pflag.FlagSet) {
	g.addr = defaultGRPC
	fs.Var(g, "grpc", "`ADDR` for OTLP over gRPC, \"\" for none")
}

// listen takes the address. Another program may have the port that nobody
// asked for, as a collector has by default: then the listener is nil.
func (g *grpcFlag) listen(ctx context.Context, log *slog.Logger) (net.Listener, error) {
	if g.addr == "" {
		return nil, nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", g.addr)
	switch {
	case err == nil:
		log.Info("OTLP over gRPC", "address", ln.Addr().String())
	case errors.Is(err, syscall.EADDRINUSE) && !g.given:
		log.Warn("no OTLP over gRPC: another program has its port; --grpc names another, or none", "address", g.addr)
		return nil, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s: address already in use; choose another with --grpc, or --grpc \"\" for none", g.addr)
	default:
		return nil, fmt.Errorf("listen on %s: %w", g.addr, err)
	}
	return ln, nil
}

// listeners takes the addresses of a hub; the second may be nil.
func (o *hubOptions) listeners(ctx context.Context) (web, calls net.Listener, err error) {
	if web, err = listenHub(ctx, o.listen); err != nil {
		return nil, nil, err
	}
	log := o.log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if calls, err = o.grpc.listen(ctx, log); err != nil {
		return nil, nil, errors.Join(err, web.Close())
	}
	return web, calls, nil
}
