package page_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/page"
)

// mostMemory is what a process may hold that probes a hostile page, in KiB.
const mostMemory = 64 << 10

// mostSteps is how many spans may come of it.
const mostSteps = 5000

// hostile are pages that would be too much: what stands before "/x" answers
// what is asked for below it, whatever it is.
var hostile = map[string]func(w io.Writer, path string){
	"a hundred thousand images": func(w io.Writer, path string) {
		fmt.Fprint(w, "<!doctype html>")
		for i := range 100_000 {
			fmt.Fprintf(w, "<img src=x/%d>", i)
		}
	},
	"a hundred thousand tags": func(w io.Writer, path string) {
		fmt.Fprint(w, "<!doctype html>", strings.Repeat("<p class=a id=b style='color:red'>x", 100_000))
	},
	"attributes without end": func(w io.Writer, path string) {
		fmt.Fprint(w, "<!doctype html><p ")
		for i := range 1 << 19 {
			fmt.Fprintf(w, "%d=''", i)
		}
		for i := range 1 << 18 {
			fmt.Fprint(w, " ", i)
		}
		fmt.Fprint(w, ">")
	},
	"elements nested deep": func(w io.Writer, path string) {
		fmt.Fprint(w, "<!doctype html>", strings.Repeat("<div><b>", 40_000), "<img src=x>")
	},
	"a large text": func(w io.Writer, path string) {
		fmt.Fprint(w, "<!doctype html>", strings.Repeat("x ", 4<<20))
	},
	"long URLs": func(w io.Writer, path string) {
		fmt.Fprintf(w, "<!doctype html><base href='/%s/'>", strings.Repeat("a", 8000))
		for i := range 20_000 {
			fmt.Fprintf(w, "<img src=x/%d>", i)
		}
	},
	"data URLs": func(w io.Writer, path string) {
		fmt.Fprint(w, "<!doctype html>", strings.Repeat("<img src=data:image/png;base64,"+strings.Repeat("A", 500)+">", 15_000))
	},
	"a large srcset": func(w io.Writer, path string) {
		fmt.Fprint(w, "<!doctype html><img srcset='", strings.Repeat("x 1x, ", 1<<20), "'>")
	},
	"imports that lead to imports": func(w io.Writer, path string) {
		if !strings.Contains(path, "/x") {
			fmt.Fprint(w, "<!doctype html><link rel=stylesheet href=x>")
			return
		}
		for i := range 200 {
			fmt.Fprintf(w, "@import '%s%d';", path, i)
		}
	},
	"large sheets": func(w io.Writer, path string) {
		if !strings.Contains(path, "/x") {
			fmt.Fprint(w, "<!doctype html>")
			for i := range 100 {
				fmt.Fprintf(w, "<link rel=stylesheet href=x/%d>", i)
			}
			return
		}
		fmt.Fprint(w, strings.Repeat("p{background:url(x)}", 100_000))
	},
	"sheets of URLs": func(w io.Writer, path string) {
		if !strings.Contains(path, "/x") {
			fmt.Fprint(w, "<!doctype html><p>x")
			for i := range 100 {
				fmt.Fprintf(w, "<link rel=stylesheet href=x/%d>", i)
			}
			return
		}
		for i := range 300 {
			fmt.Fprintf(w, "p{background:url(%s%d)}", strings.Repeat("u", 7000), i)
		}
	},
	"blocks within blocks": func(w io.Writer, path string) {
		if !strings.Contains(path, "/x") {
			fmt.Fprint(w, "<!doctype html><link rel=stylesheet href=x>")
			return
		}
		fmt.Fprint(w, strings.Repeat("@media all{a:not(", 100_000))
	},
}

// TestHostile probes each page in a process of its own, whose memory can be
// told.
func TestHostile(t *testing.T) {
	if u := os.Getenv("SONDE_HOSTILE"); u != "" {
		fmt.Println(probeOnce(t, u))
		return
	}
	for name, write := range hostile {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/x") {
					w.Header().Set("Content-Type", "text/css")
				}
				write(w, r.URL.Path)
			}))
			defer s.Close()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHostile$")
			cmd.Env = append(os.Environ(), "SONDE_HOSTILE="+s.URL+"/")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			var outcome string
			var steps, kib int
			if _, err := fmt.Sscan(string(out), &outcome, &steps, &kib); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			t.Logf("%s: %d steps, %d MiB", outcome, steps, kib>>10)
			if steps > mostSteps || kib > mostMemory && !raced() {
				t.Errorf("%d steps, %d MiB of memory; want %d and %d at most", steps, kib>>10, mostSteps, mostMemory>>10)
			}
		})
	}
}

// probeOnce tells outcome, steps, and KiB of memory at the most where the
// system tells that.
func probeOnce(t *testing.T, u string) string {
	n, err := wire.New(wire.Options{AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	target := probes.Target{Kind: "page", URL: u}
	f, err := page.New(n, target)
	if err != nil {
		t.Fatal(err)
	}
	r := probes.Do(t.Context(), f, target)
	steps := 0
	for range r.Root.All() {
		steps++
	}
	kib := 0
	status, _ := os.ReadFile("/proc/self/status")
	if _, rest, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
		kib, _ = strconv.Atoi(string(bytes.Fields(rest)[0]))
	}
	return fmt.Sprint(r.Outcome, " ", steps, " ", kib)
}

// raced reports whether the race detector runs, which takes memory too.
func raced() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" && s.Value == "true" {
			return true
		}
	}
	return false
}
