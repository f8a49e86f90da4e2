package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/drill"
	"github.com/sonde-media/sonde/probes"
)

// TestDemo guards the first thing people try: the outage comes, the hub shows
// it in the regions it was staged in and nowhere else, and all of it ends.
func TestDemo(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, in := io.Pipe()
	cmd := demoCommand()
	cmd.SetArgs([]string{"--listen", "127.0.0.1:0", "--after", "3s"})
	cmd.SetOut(in)
	var warned bytes.Buffer
	cmd.SetErr(&warned)
	done := make(chan error, 1)
	go func() {
		done <- cmd.ExecuteContext(ctx)
		in.Close()
	}()

	lines := bufio.NewScanner(out)
	base := find(t, lines, `status page +(\S+)/$`)
	find(t, lines, `2 of 3 regions fail: (tls_expired) at cdn\.castle\.example`)
	run := find(t, lines, `met it .* after the expiry: (http\S+/runs/[0-9a-f]{32})$`)
	checkDemo(t, matrix(t, base))
	if resp, err := http.Get(run); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("the run's page: got %v, %v", resp, err)
	} else {
		resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()

	cancel()
	io.Copy(io.Discard, out)
	if err := <-done; err != nil {
		t.Errorf("got %v, want a clean end", err)
	}
	if warned.Len() > 0 {
		t.Errorf("whoever tries it first is warned of nothing: got %s", &warned)
	}
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// find reads lines to the first that matches and returns its first group.
func find(t *testing.T, lines *bufio.Scanner, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for lines.Scan() {
		t.Log(lines.Text())
		if m := re.FindStringSubmatch(lines.Text()); m != nil {
			return m[1]
		}
	}
	t.Fatalf("no line matches %s", pattern)
	return ""
}

func matrix(t *testing.T, base string) (m api.Matrix) {
	t.Helper()
	resp, err := http.Get(base + "/api/v1/matrix")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

func checkDemo(t *testing.T, m api.Matrix) {
	t.Helper()
	failing := map[string]bool{}
	for _, c := range m.Cells {
		r := c.Newest
		switch {
		case r.Outcome == probes.Failed:
			failing[c.Region] = true
			if r.Code != probes.TLSExpired || r.Culprit != drill.CastleCDN {
				t.Errorf("%s of %s: got %s at %s (%s)", c.Target, c.Region, r.Code, r.Culprit, r.Detail)
			}
		case c.Region == "ap-south" && r.Outcome != probes.OK:
			t.Errorf("%s of %s: got %s %s %v", c.Target, c.Region, r.Outcome, r.Code, r.Findings)
		}
	}
	if len(failing) != 2 || failing["ap-south"] {
		t.Errorf("got failures in %v, want us-east and eu-west", failing)
	}
}

func TestDemoSaysWhatToDoWhereThePortIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := demoCommand()
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs([]string{"--listen", l.Addr().String()})
	cmd.SetOut(io.Discard)
	err = cmd.ExecuteContext(t.Context())
	if err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("got %v, want advice on --listen", err)
	}
}

func TestDemoEndsByItself(t *testing.T) {
	cmd := demoCommand()
	cmd.SetArgs([]string{"--listen", "127.0.0.1:0", "--for", "1s", "--data", t.TempDir()})
	cmd.SetOut(io.Discard)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Error(err)
	}
}
