package wire_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// talking serves each connection with talk, once a request has come, until the
// test ends, and returns its URL. Who talks for ever stops when the connection
// is gone.
func talking(t *testing.T, talk func(c net.Conn)) string {
	t.Helper()
	return "http://" + serving(t, func(c net.Conn) {
		c.Read(make([]byte, 4096))
		talk(c)
	})
}

// says writes text, and then repeats more for as long as somebody listens.
func says(text, more string) func(net.Conn) {
	more = strings.Repeat(more, max(1, 4096/max(1, len(more))))
	return func(c net.Conn) {
		io.WriteString(c, text)
		for more != "" {
			if _, err := io.WriteString(c, more); err != nil {
				return
			}
		}
	}
}

// stalls writes text and waits until the other side goes.
func stalls(text string) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, text)
		io.Copy(io.Discard, c)
	}
}

// drips writes text and then a byte now and again, so that something is always
// under way.
func drips(text, drop string) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, text)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(c, drop); err != nil {
				return
			}
		}
	}
}

const (
	ok      = "HTTP/1.1 200 OK\r\n"
	chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
)

// What stalls or drips ends at the target's deadline with the code of the step
// it stands at; what goes on for ever at a limit of ours.
func TestHostileHTTP1(t *testing.T) {
	n := newNet(t, wire.Options{AllowPrivate: true, Limits: wire.Limits{HostParallel: 1000}})
	defer boundMemory(t)()
	var wg sync.WaitGroup
	long := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		name    string
		talk    func(net.Conn)
		timeout time.Duration
		codes   []probes.Code
	}{
		{"says nothing", stalls(""), soon, []probes.Code{probes.HTTPTimeout}},
		{"stalls in the status line", stalls("HTTP/1.1 20"), soon, []probes.Code{probes.HTTPTimeout}},
		{"stalls in the header", stalls(ok + "X: y\r\nContent-"), soon, []probes.Code{probes.HTTPTimeout}},
		{"stalls before the body", stalls(ok + "Content-Length: 1000\r\n\r\n"), soon, []probes.Code{probes.BodyTimeout}},
		{"stalls in the body", stalls(ok + "Content-Length: 1000\r\n\r\nxxx"), soon, []probes.Code{probes.BodyTimeout}},
		{"stalls in a chunk's size", stalls(chunked + "1\r\nx\r\n1"), soon, []probes.Code{probes.BodyTimeout}},
		{"stalls in the trailer", stalls(chunked + "1\r\nx\r\n0\r\nX:"), soon, []probes.Code{probes.BodyTimeout}},
		{"drips the header", drips(ok+"X: ", "y"), soon, []probes.Code{probes.HTTPTimeout}},
		{"drips the body", drips(ok+"Content-Length: 100000\r\n\r\n", "x"), soon, []probes.Code{probes.BodyTimeout}},
		{"drips chunks", drips(chunked, "1\r\nx\r\n"), soon, []probes.Code{probes.BodyTimeout}},
		{"hangs up at once", says("", ""), late, []probes.Code{probes.HTTPReset}},
		{"hangs up in the header", says(ok+"X:", ""), late, []probes.Code{probes.HTTPReset}},
		{"hangs up in the body", says(ok+"Content-Length: 1000\r\n\r\nxxx", ""), late, []probes.Code{probes.BodyTruncated}},
		{"hangs up between chunks", says(chunked+"1\r\nx\r\n", ""), late, []probes.Code{probes.BodyTruncated}},
		{"an endless status line", says("HTTP/1.1 200 ", "x"), late, []probes.Code{probes.HTTPOther, probes.HTTPReset}},
		{"an endless header line", says(ok+"X: ", "y"), late, []probes.Code{probes.HTTPOther, probes.HTTPReset}},
		{"endless header lines", says(ok, "X: y\r\n"), late, []probes.Code{probes.HTTPOther, probes.HTTPReset}},
		{"a hundred thousand header lines", says(ok+strings.Repeat("X: y\r\n", 100_000)+"\r\n", ""), late, []probes.Code{probes.HTTPOther, probes.HTTPReset}},
		{"endless 1xx", says("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"), late, []probes.Code{probes.HTTPOther, probes.HTTPReset}},
		{"endless bare 1xx", says("", "HTTP/1.1 100 Continue\r\n\r\n"), late, []probes.Code{probes.HTTPOther, probes.HTTPReset}},
		{"switches protocols", says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", ""), late, []probes.Code{probes.HTTPStatus, probes.HTTPOther}},
		{"no HTTP at all", says("SSH-2.0-OpenSSH_9.2\r\n", ""), late, []probes.Code{probes.HTTPOther}},
		{"two lengths", says(ok+"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", ""), late, []probes.Code{probes.HTTPOther}},
		{"a negative length", says(ok+"Content-Length: -1\r\n\r\nxx", ""), late, []probes.Code{probes.HTTPOther}},
		{"a length beyond all numbers", says(ok+"Content-Length: 99999999999999999999999\r\n\r\nxx", ""), late, []probes.Code{probes.HTTPOther}},
		{"a length of eight exabytes", says(ok+"Content-Length: 9223372036854775807\r\n\r\nxx", ""), late, []probes.Code{probes.BodyTruncated}},
		{"an unknown transfer coding", says(ok+"Transfer-Encoding: gzip, chunked\r\n\r\n", ""), late, []probes.Code{probes.HTTPOther}},
		{"a chunk's size overflows", says(chunked+"fffffffffffffffff\r\nx", ""), late, []probes.Code{probes.BodyOther}},
		{"a chunk's size is none", says(chunked+"-1\r\nx", ""), late, []probes.Code{probes.BodyOther}},
		{"a chunk's size goes on", says(chunked, "0"), late, []probes.Code{probes.BodyOther}},
		{"a chunk's extension goes on", says(chunked+"1;", "x"), late, []probes.Code{probes.BodyOther}},
		{"extensions of a megabyte", says(chunked, "1;"+long[:4000]+"\r\nx\r\n"), late, []probes.Code{probes.BodyOther}},
		{"chunks that don't end", says(chunked+"1\r\nxyz", ""), late, []probes.Code{probes.BodyOther}},
		{"an endless trailer", says(chunked+"1\r\nx\r\n0\r\n", "X: y\r\n"), late, []probes.Code{probes.BodyOther}},
		{"a trailer line that goes on", says(chunked+"1\r\nx\r\n0\r\nX: ", "y"), late, []probes.Code{probes.BodyOther}},
		{"gzip of nothing, for ever", says(ok+"Content-Encoding: gzip\r\n\r\n", string(zipped(""))), late, []probes.Code{probes.BodyOther}},
		{"a gzip header that goes on", says(ok+"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xff", "x"), late, []probes.Code{probes.BodyOther}},
		{"a redirect to itself", says("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", ""), late, []probes.Code{probes.RedirectLoop}},
	} {
		for way, fetch := range ways(n) {
			url := talking(t, c.talk)
			wg.Go(func() { // most of them only wait
				if err := ends(t, fetch, url, c.timeout, c.codes); err != nil {
					t.Errorf("%s, %s: %v", c.name, way, err)
				}
			})
		}
	}
	wg.Wait()
}

type fetch = func(context.Context, *probes.Step, wire.Request) (*wire.Response, error)

// ways are the ways to fetch: over connections for one exchange, and over those
// that are kept.
func ways(n *wire.Net) map[string]fetch {
	pooled := func(ctx context.Context, s *probes.Step, req wire.Request) (*wire.Response, error) {
		pool := n.Pool()
		defer pool.Close()
		return pool.Fetch(ctx, s, req)
	}
	return map[string]fetch{"fresh": n.Fetch, "pooled": pooled}
}

// How long a server may take: who stalls is left soon, who goes on for ever
// must be stopped by a limit of ours before late.
const (
	soon = time.Second
	late = 2 * time.Minute
)

// ends says how asking url ends otherwise than with one of codes. A machine may
// be so busy that a deadline comes before what it is to meet; those who stall
// get more time then.
func ends(t *testing.T, fetch fetch, url string, timeout time.Duration, codes []probes.Code) error {
	f, root := suffer(t, fetch, url, timeout)
	switch {
	case slices.Contains(codes, f.Code) && len(f.Detail) < 1000:
		return nil
	case strings.HasSuffix(string(f.Code), "_timeout") && timeout < late/8:
		return ends(t, fetch, url, timeout*4, codes)
	}
	return fmt.Errorf("got %s, %.300q, want %v\n%s", f.Code, f.Detail, codes, wiretest.Outline(root))
}

// suffer asks url; the failure is empty where it went well.
func suffer(t *testing.T, fetch fetch, url string, timeout time.Duration) (*probes.Failure, *probes.Step) {
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	root := probes.NewStep("root")
	_, err := fetch(ctx, root, wire.Request{URL: url, Keep: 1 << 10, Limit: 1 << 20})
	if err == nil {
		return &probes.Failure{}, root
	}
	return probes.AsFailure(err), root
}

// boundMemory returns a function that holds what was taken meanwhile, by both
// sides, to the memory of one run.
func boundMemory(t *testing.T) func() {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	return func() {
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 64<<20 {
			t.Errorf("memory grew by %d MB", grown>>20)
		}
	}
}

// What goes on for ever and is an answer all the same ends at the limit.
func TestEndlessBodies(t *testing.T) {
	bomb := zipped(strings.Repeat("\x00", 20<<20))
	mux := http.NewServeMux()
	mux.HandleFunc("/body", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			w.Write(make([]byte, 4096))
		}
	})
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		for r.Context().Err() == nil { // members one after another
			w.Write(bomb)
		}
	})
	mux.HandleFunc("/redirects/{n}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Path+"x")
		w.WriteHeader(http.StatusFound)
		for r.Context().Err() == nil {
			w.Write(make([]byte, 4096))
		}
	})
	ca := wiretest.NewCA(t)
	defer boundMemory(t)()
	for _, version := range []string{"http/1.1", "h2"} {
		s := wiretest.Server(t, ca.Issue(t, wiretest.Cert{}), mux, speaking(version))
		n := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true})
		for way, fetch := range ways(n) {
			for _, path := range []string{"/body", "/bomb"} {
				root := probes.NewStep("root")
				res, err := fetch(t.Context(), root, wire.Request{URL: s.URL + path, Keep: 1 << 10, Limit: 8 << 20})
				if err != nil || res.Size != 8<<20 || res.Complete || !strings.Contains(wiretest.Outline(root), "body ?body_size") {
					t.Errorf("%s over %s, %s: %v\n%s", path, version, way, err, wiretest.Outline(root))
				}
			}
			f, root := suffer(t, fetch, s.URL+"/redirects/x", time.Minute)
			if f.Code != probes.RedirectLimit || len(root.Steps) != wire.DefaultRedirects+1 {
				t.Errorf("redirects over %s, %s: got %v after %d hops", version, way, f, len(root.Steps))
			}
		}
	}
}
