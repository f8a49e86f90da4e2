package page_test

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
)

var compare = flag.Bool("compare", false, "measure the ten largest pages of the corpus beside Chromium")

const largest = 10

// TestCompare prints what it costs to probe a large page, and what a headless
// Chromium takes to load it: each a process of its own from its start to its
// end. Both get the same bytes from loopback: in the page all hosts are written
// over with the server's, and it answers small files for what isn't saved.
func TestCompare(t *testing.T) {
	if !*compare {
		t.Skip("measures only with -compare")
	}
	dir := wiretest.Corpus(t, "pages")
	rows := wiretest.Table(t, filepath.Join(dir, "truth-pages.tsv"))
	size := func(row map[string]string) int { return len(wiretest.Read(t, filepath.Join(dir, row["file"]))) }
	slices.SortFunc(rows, func(a, b map[string]string) int { return cmp.Compare(size(b), size(a)) })
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		fmt.Println("no chromium here: make packages installs it; only Sonde is measured")
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "KB\tCPU ms sonde\tchromium\tMiB sonde\tchromium\tpage\t")
	for _, row := range rows[:min(largest, len(rows))] {
		s := serveSaved(t, wiretest.Read(t, filepath.Join(dir, row["file"])), row["content_type"])
		probe := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHostile$")
		probe.Env = append(os.Environ(), "SONDE_HOSTILE="+s.URL+"/")
		var told bytes.Buffer
		probe.Stdout = &told
		own, other := measure(t, probe), usage{}
		var outcome string
		var steps int
		if _, err := fmt.Sscan(told.String(), &outcome, &steps, &own.kib); err != nil { // it may end before a look at it
			t.Errorf("%v: %s", err, told.String())
		}
		if err == nil {
			other = measure(t, browser(t, chromium, s))
		}
		fmt.Fprintf(w, "%d\t%.0f\t%.0f\t%d\t%d\t%s\t\n", size(row)>>10, own.ms(), other.ms(), own.kib>>10, other.kib>>10, row["file"])
	}
	w.Flush()
}

// host is how a page writes one of another place, with the scheme or without.
var host = regexp.MustCompile(`(?i)(https?:)?//[a-z0-9.-]+\.[a-z]{2,}(:\d+)?/`)

// pixel is a GIF of one pixel.
const pixel = "GIF89a\x01\x00\x01\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"

func serveSaved(t *testing.T, body []byte, contentType string) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, answer := "image/gif", pixel
		switch strings.ToLower(path.Ext(r.URL.Path)) {
		case ".css":
			kind, answer = "text/css", "p { color: black }"
		case ".js":
			kind, answer = "text/javascript", "1"
		}
		if r.URL.Path == "/" {
			kind, answer = contentType, string(host.ReplaceAll(body, []byte("http://"+r.Host+"/")))
		}
		w.Header().Set("Content-Type", kind)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(s.Close)
	return s
}

// browser loads the page of s, and can reach nothing else.
func browser(t *testing.T, chromium string, s *httptest.Server) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--window-size=1280,800", "--user-data-dir="+t.TempDir(),
		"--host-resolver-rules=MAP * 127.0.0.1:"+port, "--timeout=20000", "--dump-dom", s.URL+"/")
}

// A usage is what a process and all that it started took.
type usage struct {
	cpu map[int]float64 // ms by process
	kib int             // of memory at the most; what several share is counted once
}

func (u usage) ms() (sum float64) {
	for _, ms := range u.cpu {
		sum += ms
	}
	return sum
}

// measure runs cmd and looks at its processes until it ends.
func measure(t *testing.T, cmd *exec.Cmd) usage {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	u := usage{cpu: map[int]float64{}}
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case <-ended:
			tick.Stop()
			own := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime() // with those it waited for
			u.cpu[cmd.Process.Pid] = max(u.cpu[cmd.Process.Pid], float64(own)/float64(time.Millisecond))
			return u
		case <-tick.C:
			u.look(cmd.Process.Pid)
		}
	}
}

// look notes what the processes below root have taken so far.
func (u *usage) look(root int) {
	parents := map[int]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	taken := map[int]float64{}
	for _, file := range stats {
		text, _ := os.ReadFile(file)
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest)
		if len(f) < 13 {
			continue
		}
		pid, _ := strconv.Atoi(path.Base(path.Dir(file)))
		parents[pid], _ = strconv.Atoi(f[1])
		user, _ := strconv.ParseFloat(f[11], 64)
		system, _ := strconv.ParseFloat(f[12], 64)
		taken[pid] = (user + system) * 10
	}
	kib := 0
	for pid := range parents {
		at := pid
		for at != root && at > 1 {
			at = parents[at]
		}
		if at == root {
			u.cpu[pid] = taken[pid]
			kib += shareOf(pid)
		}
	}
	u.kib = max(u.kib, kib)
}

// shareOf is the memory of a process in KiB, with its share of what others use
// too.
func shareOf(pid int) (kib int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if _, rest, ok := strings.Cut(string(text), "\nPss:"); ok {
		kib, _ = strconv.Atoi(strings.Fields(rest)[0])
	}
	return kib
}
