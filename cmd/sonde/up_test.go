package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/internal/config"
)

// One command shows on a hub what an agent found, and ends when it is told to.
func TestUp(t *testing.T) {
	defer goleak.VerifyNone(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<!doctype html><title>x</title><p>Hello")
	}))
	defer site.Close()
	file := filepath.Join(t.TempDir(), "sonde.yaml")
	yaml := "targets: [{page: " + site.URL + ", interval: 1s, timeout: 1s}]"
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, stdout := io.Pipe()
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		args := []string{"up", "--config", file, "--allow-private", "--listen", "127.0.0.1:0", "--data", t.TempDir()}
		ended <- run(ctx, args, stdout, &stderr)
		stdout.Close()
	}()
	lines := bufio.NewScanner(out)
	lines.Scan()
	_, url, _ := strings.Cut(lines.Text(), "http")
	go io.Copy(io.Discard, out)
	if !waitForRun(ctx, "http"+strings.TrimSuffix(url, "/")) {
		t.Error("no run arrives at the hub")
	}
	cancel()
	if got := <-ended; got != exitOK {
		t.Errorf("exit status %d, want 0; %s", got, &stderr)
	}
}

// waitForRun asks the hub until it has a run, or ctx ends.
func waitForRun(ctx context.Context, hub string) bool { return waitForRunAs(ctx, hub, "") }

func waitForRunAs(ctx context.Context, hub, token string) bool {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, hub+"/api/v1/runs?from=-5m", nil)
		if err != nil {
			return false
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		if res, err := client.Do(req); err == nil {
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if bytes.Contains(body, []byte(`"outcome":"ok"`)) {
				return true
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return false
		}
	}
}

func TestUpWithoutConfigurationShowsOne(t *testing.T) {
	t.Chdir(t.TempDir())
	var stdout, stderr bytes.Buffer
	got := run(t.Context(), []string{"up"}, &stdout, &stderr)
	if got != exitUsage || !strings.Contains(stderr.String(), sample) {
		t.Errorf("exit status %d, want 2; %s", got, &stderr)
	}
	// What is shown works as it is.
	if _, err := config.Parse("sonde.yaml", []byte(sample), os.LookupEnv); err != nil {
		t.Errorf("the sample: %v", err)
	}
}

func TestUpRefuses(t *testing.T) {
	t.Setenv("SONDE_TOKEN", "")
	t.Chdir(t.TempDir())
	two := "regions: {eu: {}, us: {}}\ntargets: [{page: https://a.example/}]"
	for name, c := range map[string]struct{ yaml, flags, want string }{
		"a region in doubt":        {two, "", "--region NAME is needed: the configuration has eu, us"},
		"an unknown region":        {two, "--region ap --listen 127.0.0.1:0 --data d", `region "ap" is not in the configuration`},
		"an open port, no token":   {sample, "--listen :4318", "a token is needed"},
		"an error of a file":       {"targets: 3", "", "sonde.yaml:1:10: "},
		"a port in use":            {sample, "--data d --listen " + inUse(t), "address already in use"},
		"nothing to be kept":       {sample, "--keep 0s", "--keep 0s: must be positive"},
		"roots that can't be read": {sample, "--ca-file none.pem", "--ca-file none.pem: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile("sonde.yaml", []byte(c.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			got := run(t.Context(), append([]string{"up"}, strings.Fields(c.flags)...), &stdout, &stderr)
			if got == exitOK || !strings.Contains(stderr.String(), c.want) {
				t.Errorf("exit status %d, %q, want %q", got, &stderr, c.want)
			}
		})
	}
}

func inUse(t *testing.T) string {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}
