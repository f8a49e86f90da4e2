package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// A hub takes calls where it was told, and frees the port in the end.
func TestServeHubWithGRPC(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var logged bytes.Buffer
	listening := make(chan string, 1)
	served := make(chan error, 1)
	o := hubOptions{
		listen: "127.0.0.1:0", grpc: grpcFlag{"127.0.0.1:0", true}, data: t.TempDir(),
		log: slog.New(slog.NewTextHandler(&logged, nil)),
	}
	go func() {
		served <- serveHub(ctx, o, func(string) { listening <- logged.String() })
	}()
	_, addr, _ := strings.Cut(<-listening, "address=")
	addr = strings.TrimSpace(addr)
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequest()); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
}

// The port of gRPC is a collector's too: who didn't ask for it goes without.
func TestGRPCPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	if ln, err := (&grpcFlag{addr: addr}).listen(t.Context(), log); ln != nil || err != nil || !strings.Contains(logged.String(), "another program has its port") {
		t.Errorf("got %v and %v; %s", ln, err, &logged)
	}
	err = serveHub(t.Context(), hubOptions{listen: "127.0.0.1:0", grpc: grpcFlag{addr, true}, data: t.TempDir()}, func(string) { t.Error("it runs") })
	if err == nil || !strings.Contains(err.Error(), "choose another with --grpc") {
		t.Errorf("got %v", err)
	}
}

func TestGRPCFlag(t *testing.T) {
	for _, c := range []struct {
		args []string
		want grpcFlag
	}{
		{nil, grpcFlag{"127.0.0.1:4317", false}},
		{[]string{"--grpc", ""}, grpcFlag{"", true}},
		{[]string{"--grpc=:4317"}, grpcFlag{":4317", true}},
	} {
		for _, command := range []*cobra.Command{hubCommand(), upCommand()} {
			if err := command.ParseFlags(c.args); err != nil {
				t.Error(err)
				continue
			}
			got, ok := command.Flags().Lookup("grpc").Value.(*grpcFlag)
			if !ok || *got != c.want {
				t.Errorf("%s %q: got %+v, want %+v", command.Name(), c.args, got, c.want)
			}
		}
	}
}
