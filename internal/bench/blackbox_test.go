package bench

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const blackbox = "prometheus-blackbox-exporter"

// Modules of the exporter that do what Sonde's targets do.
const modules = `modules:
  whole: &whole
    prober: http
    timeout: 10s
    http: &http
      preferred_ip_protocol: ip4
      tls_config: {ca_file: %q}
  range:
    <<: *whole
    http:
      <<: *http
      headers: {Range: bytes=0-65535}
      valid_status_codes: [200, 206]
`

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// startBlackbox starts the exporter where it is installed.
func startBlackbox(t *testing.T, p pins, s *server) (prober, bool) {
	t.Helper()
	path, err := exec.LookPath(blackbox)
	if err != nil || !*compare {
		t.Logf("without %s, which is not installed here", blackbox)
		return prober{}, false
	}
	file := filepath.Join(s.dir, "blackbox.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, modules, filepath.Join(s.dir, "ca.pem")), 0o600); err != nil {
		t.Fatal(err)
	}
	c := p.command(t, 1, path, "--config.file="+file, "--web.listen-address=127.0.0.1:0")
	log, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	read := bufio.NewScanner(log)
	addr := ""
	for addr == "" && read.Scan() {
		if m := listening.FindStringSubmatch(read.Text()); m != nil {
			addr = m[1]
		}
	}
	if addr == "" {
		t.Fatalf("%s didn't start", blackbox)
	}
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(io.Discard, log) })
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: parallel}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		c.Process.Kill()
		wg.Wait()
		c.Wait()
	})
	return prober{"blackbox", c.Process.Pid, func(j job) error { return ask(client, addr, j) }}, true
}

// ask has the exporter probe as a Prometheus would.
func ask(client *http.Client, addr string, j job) error {
	query := url.Values{"target": {j.URL}, "module": {j.Module}}
	return each(j.Count, func() error {
		res, err := client.Get("http://" + addr + "/probe?" + query.Encode())
		if err != nil {
			return err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		if !strings.Contains(string(body), "\nprobe_success 1\n") {
			return fmt.Errorf("it answers %s: %s", res.Status, body)
		}
		return nil
	})
}
