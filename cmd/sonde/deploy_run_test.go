package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/internal/hub"
)

// What is printed for a region works there as it is: the agent gets its
// configuration from the hub by the token in the file, is healthy, and its
// runs arrive.
func TestDeployedAgentRuns(t *testing.T) {
	defer goleak.VerifyNone(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<!doctype html><title>x</title><p>Hello")
	}))
	defer site.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	data, base, stopped := hubServing(ctx, t, "allow_private: true\ntargets: [{page: "+site.URL+", interval: 1s, timeout: 1s}]")

	var file, stderr bytes.Buffer
	if code := run(ctx, []string{"deploy", "docker", "--region", "eu-west", "--hub", base, "--data", data}, &file, &stderr); code != exitOK {
		t.Fatalf("exit status %d: %s", code, &stderr)
	}
	d := deploymentOf("eu-west", base, "")
	d.Image = defaultImage()
	got := readCompose(t, file.String(), d)
	got.Args[slices.Index(got.Args, "--data")+1] = t.TempDir()
	got.Args[slices.Index(got.Args, "--metrics")+1] = "127.0.0.1:0"
	t.Setenv("SONDE_TOKEN", got.Token)

	log, said := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, got.Args, io.Discard, said)
		said.Close()
	}()
	address := metricsOf(log)
	if !waitForRun(ctx, base) {
		t.Error("no run arrives at the hub")
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if err := answersOK(ctx, address+path); err != nil {
			t.Error(err)
		}
	}
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("exit status %d", code)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// hubServing runs a hub that gives agents the configuration yaml, until ctx
// ends; then it sends how that went.
func hubServing(ctx context.Context, t *testing.T, yaml string) (data, url string, stopped <-chan error) {
	file := filepath.Join(t.TempDir(), "sonde.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	served, err := hub.OpenConfig(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	data = t.TempDir()
	listens, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		o := hubOptions{listen: "127.0.0.1:0", data: data, config: served}
		ended <- serveHub(ctx, o, func(addr string) { listens <- addr })
	}()
	select {
	case addr := <-listens:
		return data, "http://" + addr, ended
	case err := <-ended:
		t.Fatal(err)
		return "", "", nil
	}
}

// metricsOf reads where an agent says that it serves its metrics, and has the
// rest of its log read. It is "" where the log ends before.
func metricsOf(log io.Reader) string {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if m := regexp.MustCompile(`url=(http://\S+)/metrics`).FindStringSubmatch(lines.Text()); m != nil {
			go io.Copy(io.Discard, log)
			return m[1]
		}
	}
	return ""
}
