package enclosure_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// An edge serves audio, with a fault. It remembers what it was asked.
type edge struct {
	// further answers requests for other ranges than the first.
	further func(w http.ResponseWriter, r *http.Request, first, last int64)
	head    http.HandlerFunc
	body    []byte // audio where nil
	header  http.Header

	mu    sync.Mutex // guards asked
	asked []string
}

func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.asked = append(e.asked, strings.TrimSpace(r.Method+" "+r.Header.Get("Range")))
	e.mu.Unlock()
	body := e.body
	if body == nil {
		body = audio
	}
	w.Header().Set("Content-Type", "audio/mpeg")
	w.Header().Set("ETag", `"one"`)
	for key, values := range e.header {
		w.Header()[key] = values
	}
	first, last, ok := span(r)
	switch {
	case r.Method == http.MethodHead && e.head != nil:
		e.head(w, r)
	case ok && first > 0 && e.further != nil:
		e.further(w, r, first, last)
	default:
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}
}

func span(r *http.Request) (first, last int64, ok bool) {
	a, b, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-")
	first, err := strconv.ParseInt(a, 10, 64)
	last, err2 := strconv.ParseInt(b, 10, 64)
	return first, last, ok && err == nil && err2 == nil
}

// partial answers 206 with body, as bytes first to last of total.
func partial(w http.ResponseWriter, body []byte, first, last, total int64) {
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, total))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusPartialContent)
	w.Write(body)
}

const (
	opened  = "    hop\n      connect\n      request\n      body\n"
	further = "    hop\n      request\n      body\n"
	bare    = "    hop\n      request\n" // HEAD has no body
	listen  = "probe enclosure\n  hop ?insecure_http\n    connect\n    request\n    body\n"
)

// probeEdge probes e and returns the run and all its findings but that it is
// plain http, one a line.
func probeEdge(t *testing.T, e http.Handler, o probes.Options) (*probes.Run, string) {
	t.Helper()
	s := httptest.NewServer(e)
	defer s.Close()
	r := run(t, wire.Options{AllowPrivate: true}, probes.Target{URL: s.URL + "/a.mp3", Options: o})
	for s := range r.Root.All() {
		if s.Fail != nil && r.Outcome != probes.Failed && s.Attrs[probes.AttrCritical] != false {
			t.Errorf("%s doesn't say that it failed nothing", s.Name)
		}
	}
	var found strings.Builder
	for _, f := range r.Findings {
		if f.Code != probes.InsecureHTTP {
			fmt.Fprintf(&found, "%s %s: %s\n", f.Severity, f.Code, f.Detail)
		}
	}
	return r, found.String()
}

// A sound file is jumped about in over one further connection.
func TestSeeks(t *testing.T) {
	var e edge
	r, found := probeEdge(t, &e, nil)
	want := listen + "  seek\n" + opened + "  seek\n" + further + "  head\n" + bare + "  decode\n"
	if got := wiretest.Outline(r.Root); got != want || found != "" || r.Outcome != probes.OK {
		t.Errorf("got %s\n%s%swant\n%s", r.Outcome, got, found, want)
	}
	asked := strings.Join(e.asked, "\n")
	if want := "GET bytes=0-65535\nGET bytes=144000-160383\nGET bytes=270000-286383\nHEAD"; asked != want {
		t.Errorf("asked\n%s\nwant\n%s", asked, want)
	}
}

// What came whole is not jumped about in.
func TestNoSeekInWhatIsThere(t *testing.T) {
	for _, frames := range []int{10, 341, 342, 400, 800} {
		e := edge{body: audio[:frames*len(frame)]}
		r, found := probeEdge(t, &e, probes.Options{"head": false})
		if r.Outcome != probes.OK || found != "" {
			t.Errorf("%d frames: got %s %s%s", frames, r.Outcome, r.Detail, found)
		}
		for _, asked := range e.asked[1:] {
			var first, last int
			fmt.Sscanf(asked, "GET bytes=%d-%d", &first, &last)
			if first < 65536 || last >= len(e.body) || last-first < 2 {
				t.Errorf("%d frames: asked %s", frames, asked)
			}
		}
	}
}

// What a server may do to further ranges: it plays, but nobody can seek.
func TestSeekFaults(t *testing.T) {
	total := int64(len(audio))
	for _, c := range []struct {
		name    string
		further func(w http.ResponseWriter, r *http.Request, first, last int64)
		seek    string // outline of the first seek
		seeks   int
		says    string
		outcome probes.Outcome
	}{
		{
			"ranges ignored", func(w http.ResponseWriter, r *http.Request, _, _ int64) { w.Write(audio) },
			"?range_ignored\n" + opened, 1,
			"warning range_ignored: it plays from its start, but nobody can seek: asked for bytes 144000 to 160383: answered 200 with the whole file", probes.Degraded,
		},
		{
			"refused", func(w http.ResponseWriter, r *http.Request, _, _ int64) { w.WriteHeader(503) },
			"!http_status ?range_wrong\n    hop !http_status\n      connect\n      request !http_status\n", 1,
			"nobody can seek: asked for bytes 144000 to 160383: http_status: 503", probes.Degraded,
		},
		{
			"not satisfiable", func(w http.ResponseWriter, r *http.Request, _, _ int64) {
				w.Header().Set("Content-Range", "bytes */1000")
				w.WriteHeader(416)
			},
			"!http_status ?range_wrong\n    hop !http_status\n      connect\n      request !http_status\n", 1, "416", probes.Degraded,
		},
		{
			"another range", func(w http.ResponseWriter, r *http.Request, first, last int64) {
				partial(w, audio[:last-first+1], 0, last-first, total)
			},
			"?range_wrong\n" + opened, 1, "got bytes 0 to 16383", probes.Degraded,
		},
		{
			"less than asked", func(w http.ResponseWriter, r *http.Request, first, last int64) {
				partial(w, audio[first:first+100], first, first+99, total)
			},
			"?range_wrong\n" + opened, 1, "got only bytes 144000 to 144099 of 288000", probes.Degraded,
		},
		{
			"compressed", func(w http.ResponseWriter, r *http.Request, first, last int64) {
				w.Header().Set("Content-Encoding", "gzip")
				var b bytes.Buffer
				z := gzip.NewWriter(&b)
				z.Write(audio[first : last+1])
				z.Close()
				partial(w, b.Bytes(), first, last, total)
			},
			"?range_wrong\n" + opened, 1, "the answer is compressed (Content-Encoding: gzip)", probes.Degraded,
		},
		{
			"in parts", func(w http.ResponseWriter, r *http.Request, first, last int64) {
				w.Header().Set("Content-Type", "multipart/byteranges; boundary=x")
				w.WriteHeader(http.StatusPartialContent)
				fmt.Fprintf(w, "--x\r\nContent-Range: bytes %d-%d/%d\r\n\r\n%s\r\n--x--\r\n", first, last, total, audio[first:last+1])
			},
			"?range_wrong\n" + opened, 1, "answered in parts (multipart/byteranges; boundary=x)", probes.Degraded,
		},
		{
			"something else under the right heading", func(w http.ResponseWriter, r *http.Request, first, last int64) {
				partial(w, bytes.Repeat([]byte("<p>Sorry"), int(last-first+1)/8), first, last, total)
			},
			"?range_wrong\n" + opened, 1, "bytes 144000 to 160383 are no part of this sound", probes.Degraded,
		},
		{
			"advertisements made anew", func(w http.ResponseWriter, r *http.Request, first, last int64) {
				w.Header().Set("ETag", `"two"`)
				partial(w, audio[first:last+1], first, last, total+5000)
			},
			"?range_wrong\n" + opened, 1,
			"notice range_wrong: the file has 293000 bytes now and had 288000 before: it is made anew for each request", probes.OK,
		},
		{
			"two files under one ETag", func(w http.ResponseWriter, r *http.Request, first, last int64) {
				partial(w, audio[first:last+1], first, last, total+5000)
			},
			"?range_wrong\n" + opened, 1, `warning range_wrong: one ETag, two sizes: "one" is one of 288000 bytes and one of 293000`, probes.Degraded,
		},
		{
			"another ETag an edge", func(w http.ResponseWriter, r *http.Request, first, last int64) {
				w.Header().Set("ETag", `"two"`)
				partial(w, audio[first:last+1], first, last, total)
			},
			"?range_wrong\n" + opened, 2, `notice range_wrong: the ETag is "two" now and was "one" before`, probes.OK,
		},
		{
			"broken off", func(w http.ResponseWriter, r *http.Request, _, _ int64) { panic(http.ErrAbortHandler) },
			"!http_reset ?http_reset\n    hop !http_reset\n      connect\n      request !http_reset\n", 1, "http_reset", probes.Degraded,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, found := probeEdge(t, &edge{further: c.further}, probes.Options{"head": false})
			if got := wiretest.Outline(r.Root); !strings.HasPrefix(got, listen+"  seek "+c.seek) || strings.Count(got, "seek") != c.seeks || !strings.HasSuffix(got, "  decode\n") {
				t.Errorf("got\n%s", got)
			}
			if r.Outcome != c.outcome || !strings.Contains(found, c.says) {
				t.Errorf("got %s\n%swant %s", r.Outcome, found, c.says)
			}
		})
	}
}

// What the first answer may do wrong: nothing further is asked for then.
func TestFirstRange(t *testing.T) {
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		says string
		code probes.Code
	}{
		{"ignored, and it says so", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Accept-Ranges", "none")
			w.Write(audio)
		}, "range_ignored: asked for bytes 0 to 65535: answered 200 with the whole file and says so (Accept-Ranges: none)", ""},
		{"a Content-Range on a 200", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-65535/288000")
			w.Write(audio)
		}, "answered 200 with the whole file, though with Content-Range: bytes 0-65535/288000", ""},
		{"compressed", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			z.Write(audio)
		}, "answered 200 with the whole file, compressed (Content-Encoding: gzip)", ""},
		{"in parts", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "multipart/byteranges; boundary=x")
			w.WriteHeader(http.StatusPartialContent)
			io.WriteString(w, "--x\r\nContent-Type: text/plain\r\n\r\n--x--\r\n")
		}, "answered in parts", probes.MediaType},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			count := func(w http.ResponseWriter, r *http.Request) { asked++; c.h(w, r) }
			r, found := probeEdge(t, http.HandlerFunc(count), probes.Options{"head": false})
			if r.Code != c.code || !strings.Contains(found, c.says) || asked != 1 {
				t.Errorf("got %s %s, asked %d times\n%s", r.Outcome, r.Code, asked, found)
			}
		})
	}
}

func TestHead(t *testing.T) {
	for _, c := range []struct {
		name, outline, found string
		head                 http.HandlerFunc
	}{
		{"as GET", "head\n", "", nil},
		{"not allowed", "head !http_status\n", "", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(405) }},
		{"missing", "head !http_missing\n", "", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) }},
		{
			"another file", "head ?length_mismatch ?type_mismatch ?range_ignored ?range_wrong\n",
			`notice length_mismatch: the answer to HEAD says 17 bytes, that to GET 288000
notice type_mismatch: the answer to HEAD says text/html, that to GET audio/mpeg
notice range_ignored: the answer to HEAD says Accept-Ranges: none, though ranges are answered
notice range_wrong: the answer to HEAD has the ETag "x", that to GET "one": what resumes a download starts over
`, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "17")
				w.Header().Set("Content-Type", "text/html")
				w.Header().Set("Accept-Ranges", "none")
				w.Header().Set("ETag", `"x"`)
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, found := probeEdge(t, &edge{head: c.head}, probes.Options{"seek": false})
			_, got, _ := strings.Cut(wiretest.Outline(r.Root), listen+"  ")
			if !strings.HasPrefix(got, c.outline) || found != c.found || r.Outcome != probes.OK {
				t.Errorf("got %s\n%s\n%s", r.Outcome, cmp.Or(got, wiretest.Outline(r.Root)), found)
			}
		})
	}
}

// A seek that hangs leaves time for what comes after it.
func TestSeekHangs(t *testing.T) {
	release := make(chan struct{})
	e := edge{further: func(http.ResponseWriter, *http.Request, int64, int64) { <-release }}
	s := httptest.NewServer(&e)
	defer s.Close()
	defer close(release)
	r := run(t, wire.Options{AllowPrivate: true}, probes.Target{URL: s.URL, Timeout: 2 * time.Second})
	want := listen + "  seek !http_timeout ?http_timeout\n    hop !http_timeout\n      connect\n      request !http_timeout\n" +
		"  head\n    hop\n      connect\n      request\n  decode\n"
	if got := wiretest.Outline(r.Root); got != want || r.Outcome != probes.Degraded {
		t.Errorf("got %s\n%swant\n%s", r.Outcome, got, want)
	}
}

// Findings of the connection are told once.
func TestFindingsOnce(t *testing.T) {
	ca := wiretest.NewCA(t)
	s := wiretest.Server(t, ca.Issue(t, wiretest.Cert{NotAfter: time.Now().Add(48 * time.Hour)}), &edge{})
	r := run(t, wire.Options{AllowPrivate: true, Roots: ca.Pool}, probes.Target{URL: wiretest.At(s, "localhost", "/a.mp3")})
	if len(r.Findings) != 1 || r.Findings[0].Code != probes.CertExpiring {
		t.Errorf("got %v", r.Findings)
	}
}

// tag is an ID3v2 tag of n bytes and its head.
func tag(n int) []byte {
	head := []byte{'I', 'D', '3', 3, 0, 0, byte(n >> 21), byte(n >> 14 & 0x7F), byte(n >> 7 & 0x7F), byte(n & 0x7F)}
	return append(head, make([]byte, n)...)
}

// A picture in front is stepped over, as players do: the startup holds the
// request for what stands behind it.
func TestSoundBehindLongTag(t *testing.T) {
	e := edge{body: append(tag(300<<10), audio...)}
	r, found := probeEdge(t, &e, probes.Options{"head": false})
	want := listen + "  seek\n" + opened + "  seek\n" + further + "  seek\n" + further + "  decode\n"
	if got := wiretest.Outline(r.Root); got != want || found != "" {
		t.Errorf("got\n%s%swant\n%s", got, found, want)
	}
	if asked := e.asked[1]; asked != "GET bytes=307210-372745" {
		t.Errorf("asked %s", asked)
	}
	d := r.Root.Steps[len(r.Root.Steps)-1]
	if startup, ok := d.Attrs[probes.AttrMediaStartup].(float64); !ok || startup < float64(r.Root.Steps[0].Took)/float64(time.Millisecond) {
		t.Errorf("startup %v ms", startup)
	}
	e = edge{body: e.body, further: func(w http.ResponseWriter, _ *http.Request, _, _ int64) { w.WriteHeader(500) }}
	r, found = probeEdge(t, &e, probes.Options{"head": false})
	if !strings.Contains(found, "it can't begin before all of it has come") || r.Outcome != probes.Degraded || r.Root.Steps[2].Text(probes.AttrDetail) == "" {
		t.Errorf("got %s\n%s%s", r.Outcome, found, wiretest.Outline(r.Root))
	}
}

// Where no sound is in what came, a player reads on.
func TestReadsOn(t *testing.T) {
	e := edge{body: append(tag(1000), audio[:300*len(frame)]...)}
	r, found := probeEdge(t, &e, probes.Options{"head": false, "bytes": 1024})
	if asked := strings.Join(e.asked, "\n"); asked != "GET bytes=0-1023\nGET bytes=1024-58609" || found != "" {
		t.Errorf("asked\n%s\n%s", asked, found)
	}
	d := r.Root.Steps[len(r.Root.Steps)-1]
	if got, _ := d.Attrs[probes.AttrMediaSeconds].(float64); got < 7.1 || got > 7.3 {
		t.Errorf("%v s", got)
	}
}
