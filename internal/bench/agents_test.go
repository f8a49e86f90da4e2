package bench

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

var (
	agents = flag.Bool("agents", false, "measure whole agents, instead of only trying the harness")
	sizes  = flag.String("sizes", "100@10s,1000@10s,10000@60s,100000@120s", "numbers of targets and their intervals")
	sonde  = flag.String("sonde", "", "the binary to measure; left out: one built of this tree")
)

// mostPrometheus is with how many targets Prometheus and the exporter are
// measured: ten thousand take more than a gigabyte.
const mostPrometheus = 10_000

// A fleet is so many targets, each probed so often.
type fleet struct {
	targets  int
	interval time.Duration
}

// A sample is what processes have come to at a moment.
type sample struct {
	cpu  float64 // ms
	runs float64
	late map[float64]float64 // runs by how late they began at most, s
}

// TestAgents measures an agent with many targets, and beside it Prometheus
// with the blackbox_exporter on the same schedule, by turns: CPU a run, memory,
// and how late runs begin.
func TestAgents(t *testing.T) {
	if !*agents && *sonde == "" {
		t.Skip("without -agents, or a binary to try the harness with: -sonde FILE")
	}
	fleets := []fleet{{20, time.Second}}
	if *agents {
		fleets = parseSizes(t, *sizes)
	}
	p := newPins(t)
	s := startServer(t, p, []string{"plain"})
	var rows []string
	for _, f := range fleets {
		rows = append(rows, measureAgent(t, p, s, f))
		if row, ok := measurePrometheus(t, p, s, f); ok {
			rows = append(rows, row)
		}
	}
	showAgents(t, p, rows)
}

func parseSizes(t *testing.T, text string) (all []fleet) {
	for _, size := range strings.Split(text, ",") {
		n, every, _ := strings.Cut(size, "@")
		targets, err := strconv.Atoi(n)
		interval, err2 := time.ParseDuration(every)
		if err != nil || err2 != nil {
			t.Fatalf("-sizes %q: want NUMBER@INTERVAL", size)
		}
		all = append(all, fleet{targets, interval})
	}
	return all
}

func measureAgent(t *testing.T, p pins, s *server, f fleet) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "sonde.yaml")
	var b strings.Builder
	fmt.Fprintf(&b, "allow_private: true\ndefaults: {interval: %v, timeout: 10s}\ntargets:\n", f.interval)
	for i := range f.targets {
		fmt.Fprintf(&b, "  - page: %s/page?show=%d\n    name: show %d\n    service: Podcasts\n", s.bases["plain"][0], i, i)
	}
	write(t, file, b.String())
	addr := freeAddr(t)
	begin := time.Now()
	c := p.command(t, 1, sondeBinary(t), "agent", "--config", file, "--region", "here", "--data", dir,
		"--hub", s.bases["plain"][1], "--metrics", addr)
	pid := run(t, c)
	started := until(t, func() bool { return scrape(addr).runs > 0 }).Sub(begin)
	until(t, func() bool { return scrape(addr).runs >= float64(f.targets) })
	time.Sleep(f.interval) // until every target has run a second time, on its own phase
	before := taken(t, scrape(addr), pid)
	time.Sleep(max(f.interval, 20*time.Second*bit(*agents)))
	after := taken(t, scrape(addr), pid)
	if after.runs <= before.runs {
		t.Fatal("the agent doesn't run its targets")
	}
	row := f.row("sonde", before, after, pid) + fmt.Sprintf("\t%.0f ms\t%.0f ms\t%.1f s", 1e3*quantile(before, after, 0.5), 1e3*quantile(before, after, 0.99), started.Seconds())
	stop(c)
	return row
}

// bit is 1 where b is.
func bit(b bool) time.Duration {
	if b {
		return 1
	}
	return 0
}

// row tells what was taken between two samples.
func (f fleet) row(name string, before, after sample, pids ...int) string {
	var now, most float64
	for _, pid := range pids {
		n, m := memory(pid)
		now, most = now+n, most+m
	}
	return fmt.Sprintf("%d every %v\t%s\t%.2f\t%.0f MB\t%.0f MB", f.targets, f.interval, name,
		(after.cpu-before.cpu)/(after.runs-before.runs), now, most)
}

func taken(t *testing.T, s sample, pids ...int) sample {
	for _, pid := range pids {
		s.cpu += cpu(t, pid)
	}
	return s
}

// scrape reads an agent's metrics, none where it doesn't answer yet.
func scrape(addr string) sample {
	s := sample{late: map[float64]float64{}}
	res, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		return s
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), "} ")
		v, _ := strconv.ParseFloat(value, 64)
		switch {
		case strings.HasPrefix(series, "sonde_runs_total{"):
			s.runs += v
		case strings.HasPrefix(series, "sonde_agent_lateness_seconds_bucket{"):
			_, le, _ := strings.Cut(series, `le="`)
			le, _, _ = strings.Cut(le, `"`)
			if bound, err := strconv.ParseFloat(le, 64); err == nil {
				s.late[bound] = v
			}
		}
	}
	return s
}

// quantile is by how much a share of the runs between two samples was late at
// most, as fine as the buckets are.
func quantile(before, after sample, share float64) float64 {
	all := after.late[math.Inf(1)] - before.late[math.Inf(1)]
	least := math.Inf(1)
	for bound, n := range after.late {
		if n-before.late[bound] >= share*all {
			least = min(least, bound)
		}
	}
	return least
}

// measurePrometheus does what an agent does with Debian's Prometheus and
// exporter.
func measurePrometheus(t *testing.T, p pins, s *server, f fleet) (string, bool) {
	t.Helper()
	prometheus, err := exec.LookPath("prometheus")
	exporter, err2 := exec.LookPath(blackbox)
	if err != nil || err2 != nil || !*agents || f.targets > mostPrometheus {
		t.Logf("%d targets: without prometheus and %s", f.targets, blackbox)
		return "", false
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "blackbox.yml"), "modules: {whole: {prober: http, timeout: 10s, http: {preferred_ip_protocol: ip4}}}\n")
	addr, own := freeAddr(t), freeAddr(t)
	var list strings.Builder
	for i := range f.targets {
		fmt.Fprintf(&list, "      - %s/page?show=%d\n", s.bases["plain"][0], i)
	}
	write(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(scraping, f.interval, addr, list.String()))
	b := p.command(t, 1, exporter, "--config.file="+filepath.Join(dir, "blackbox.yml"), "--web.listen-address="+addr)
	c := p.command(t, 1, prometheus, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+own)
	pids := []int{run(t, b), run(t, c)}
	begin := served(t, s.bases["plain"][0])
	count := func() sample { return sample{runs: served(t, s.bases["plain"][0]) - begin} }
	until(t, func() bool { return count().runs >= float64(f.targets) })
	time.Sleep(f.interval)
	before := taken(t, count(), pids...)
	time.Sleep(max(f.interval, 20*time.Second))
	after := taken(t, count(), pids...)
	row := f.row("prometheus + blackbox", before, after, pids...) + "\t–\t–\t–"
	stop(c)
	stop(b)
	return row, true
}

const scraping = `global: {scrape_interval: %v, scrape_timeout: 5s}
scrape_configs:
- job_name: blackbox
  metrics_path: /probe
  params: {module: [whole]}
  relabel_configs:
  - {source_labels: [__address__], target_label: __param_target}
  - {source_labels: [__param_target], target_label: instance}
  - {target_label: __address__, replacement: %q}
  static_configs:
  - targets:
%s`

// served is how many pages the server has answered so far.
func served(t *testing.T, base string) float64 {
	t.Helper()
	res, err := http.Get(base + "/count")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var n float64
	if _, err := fmt.Fscan(res.Body, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func showAgents(t *testing.T, p pins, rows []string) {
	var b strings.Builder
	fmt.Fprintf(&b, "pages of 2 KB by plain http, telemetry and /metrics on, %s\n", p.how)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "targets\t\tms CPU a run\tRSS\tpeak\tlate p50\tp99\tfirst run after")
	for _, r := range rows {
		fmt.Fprintln(w, r)
	}
	w.Flush()
	t.Log("\n" + b.String())
	if *out != "" {
		write(t, *out, b.String())
	}
}

// sondeBinary is the binary to measure.
func sondeBinary(t *testing.T) string {
	t.Helper()
	if *sonde != "" {
		return *sonde
	}
	path := filepath.Join(os.TempDir(), fmt.Sprintf("sonde-bench-%d", os.Getpid()))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/sonde")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	t.Cleanup(func() { os.Remove(path) })
	return path
}

// run starts c until the test ends.
func run(t *testing.T, c *exec.Cmd) (pid int) {
	t.Helper()
	var said strings.Builder
	c.Stderr = &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop(c)
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(c.Path), said.String()[:min(said.Len(), 4096)])
		}
	})
	return c.Process.Pid
}

func stop(c *exec.Cmd) {
	if c.ProcessState == nil {
		c.Process.Kill()
		c.Wait()
	}
}

// until waits for ok, some minutes at most, and returns when that was.
func until(t *testing.T, ok func() bool) time.Time {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !ok(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it takes too long")
		}
	}
	return time.Now()
}

// memory is what a process holds and has held at most, in MB.
func memory(pid int) (now, most float64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kb); n == 1 {
			now = kb / 1024
		}
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kb); n == 1 {
			most = kb / 1024
		}
	}
	return now, most
}

func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
