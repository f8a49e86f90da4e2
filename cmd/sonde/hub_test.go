package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/hub"
)

func TestServeHub(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	addr := make(chan string, 1)
	served := make(chan error, 1)
	o := hubOptions{listen: "127.0.0.1:0", data: t.TempDir()}
	go func() { served <- serveHub(ctx, o, func(a string) { addr <- a }) }()
	base := <-addr
	for _, path := range []string{"/", "/runs", "/static/sonde.css", "/api/v1/matrix", "/healthz", "/readyz", "/metrics"} {
		resp, err := http.Get("http://" + base + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s", path, resp.Status)
		}
	}
	err := serveHub(ctx, hubOptions{listen: base, data: o.data}, nil)
	if want := "listen on " + base + ": address already in use; another sonde"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestServeHubRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o     hubOptions
		says  string
		usage bool
	}{
		"open to all without a token": {hubOptions{listen: ":0"}, "issue one with sonde hub token create, or set SONDE_TOKEN", true},
		"address without a port":      {hubOptions{listen: "127.0.0.1"}, "want HOST:PORT", true},
		"port out of range":           {hubOptions{listen: "127.0.0.1:65536"}, "want HOST:PORT", true},
		"gRPC open to all":            {hubOptions{listen: "127.0.0.1:0", grpc: grpcFlag{addr: ":0"}}, "--grpc :0: others can reach", true},
		"gRPC without a port":         {hubOptions{listen: "127.0.0.1:0", grpc: grpcFlag{addr: "x"}}, "--grpc x: want HOST:PORT, such as 127.0.0.1:4317", true},
		"data is a file":              {hubOptions{listen: "127.0.0.1:0", data: file}, "open store: ", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := serveHub(t.Context(), c.o, func(string) { t.Error("it runs") })
			_, usage := errors.AsType[usageError](err)
			if err == nil || !strings.Contains(err.Error(), c.says) || usage != c.usage {
				t.Errorf("got %v, usage %v; want %q", err, usage, c.says)
			}
		})
	}
}

// What a hub is given reaches its answers.
func TestServeHubWithConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sonde.yaml")
	if err := os.WriteFile(file, []byte("targets: [{page: https://www.example/}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := hub.OpenConfig(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	addr := make(chan string, 1)
	served := make(chan error, 1)
	go func() {
		served <- serveHub(ctx, hubOptions{listen: "127.0.0.1:0", data: t.TempDir(), config: c}, func(a string) { addr <- a })
	}()
	base := "http://" + <-addr
	resp, err := http.Get(base + "/api/v1/config")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("ETag") != `"`+c.Version()+`"` {
		t.Errorf("got %s %v", resp.Status, resp.Header)
	}
	client, err := api.NewClient(base, "")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if a, err := client.Agents(ctx, api.Query{}); err != nil || a.Version != buildVersion() || a.Config != c.Version() {
		t.Errorf("got %+v and %v", a, err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A token that holds is as good as SONDE_TOKEN for being open to others.
func TestGuardByIssuedTokens(t *testing.T) {
	o := hubOptions{listen: ":4318", data: t.TempDir()}
	if err := o.guard(); err == nil {
		t.Error("it is open to all")
	}
	if _, err := issueToken(o.data, hub.RoleAgent, "eu"); err != nil {
		t.Fatal(err)
	}
	if err := o.guard(); err != nil {
		t.Error(err)
	}
	o.listen = "nonsense"
	if err := o.guard(); err == nil {
		t.Error("it listens on nonsense")
	}
}

func TestReachable(t *testing.T) {
	for addr, want := range map[string]string{
		"[::]:4318": "localhost:4318", "0.0.0.0:4318": "localhost:4318", "127.0.0.1:1": "127.0.0.1:1",
	} {
		if got := reachable(addr); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}
