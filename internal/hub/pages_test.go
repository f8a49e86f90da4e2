package hub

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// visit serves the pages and returns status and body of one.
func visit(t *testing.T, src source, path string) (int, string) {
	t.Helper()
	srv := httptest.NewServer(pages(src, func() time.Time { return pagesNow }))
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	blanks = regexp.MustCompile(`\s+`)
)

// read is what a person reads of a page.
func read(t *testing.T, src source, path string, status int) string {
	t.Helper()
	got, body := visit(t, src, path)
	if got != status {
		t.Fatalf("GET %s: got status %d, want %d: %s", path, got, status, body)
	}
	return blanks.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(body, " ")), " ")
}

func wantAll(t *testing.T, page string, wants ...string) {
	t.Helper()
	for _, w := range wants {
		if !strings.Contains(page, w) {
			t.Errorf("the page does not say %q:\n%s", w, page)
		}
	}
}

func wantNone(t *testing.T, page string, unwanted ...string) {
	t.Helper()
	for _, w := range unwanted {
		if strings.Contains(page, w) {
			t.Errorf("the page says %q:\n%s", w, page)
		}
	}
}

func TestStatusOfAnOutage(t *testing.T) {
	text := read(t, &answers{matrix: outage()}, "/", 200)
	wantAll(t, text,
		"2 of 6 targets fail in 2 of 3 regions",
		"since 02:41 UTC, for 21 min", "hit: Podcasts", "not hit: Storefront",
		"tls_expired at cdn.tonal.example", "A certificate has expired.", "Renew the certificate on this host",
		"Fails in eu-west, us-east", "Served in ap-south", certDetail,
		"1 target silent in eu-west", "archive.example/show.xml",
		"media_slow at edge3.tonal.example",
		"Failed earlier, served again now", "http_status at www.tonal.example", "last failed 25 min ago",
		"failed: tls_expired for 18 min · 32% failed", "unknown: local_resources",
		"silent for 14 min", "Other targets",
	)
}

func TestStatusLinksAFailingCellToItsFailedRun(t *testing.T) {
	m := outage()
	cellOf(&m, "us-east", "www.tonal.example").Failing.TraceID = failedTrace
	_, body := visit(t, &answers{matrix: m}, "/")
	if want := `<a class="cell ok" href="/runs/` + failedTrace + `">`; !strings.Contains(body, want) {
		t.Errorf("no %s", want)
	}
	if got, want := strings.Count(body, `class="cell `), 18; got != want {
		t.Errorf("got %d cells, want %d", got, want)
	}
}

func TestHeadlines(t *testing.T) {
	two := sixTargets[:2]
	for _, c := range []struct {
		name string
		m    func() api.Matrix
		want []string
	}{
		{"all good", func() api.Matrix { return world(sixTargets, "a", "b", "c") }, []string{"All good: all 6 targets are served", "in all 3 regions", "newest run 12 s ago"}},
		{"one target, one region", func() api.Matrix { return world(two[:1], "a") }, []string{"All good: the only target is served", "in a "}},
		{"one of two in one region", func() api.Matrix {
			m := world(two, "a", "b")
			fail(cellOf(&m, "b", two[0].Name), probes.DNSTimeout, "x.example", "", time.Minute)
			return m
		}, []string{"1 of 2 targets fails in b, 1 of 2 regions"}},
		{"everything", func() api.Matrix {
			m := world(two, "a", "b")
			for i := range m.Cells {
				fail(&m.Cells[i], probes.ConnectRefused, "x.example", "", time.Minute)
			}
			return m
		}, []string{"All 2 targets fail in all 2 regions"}},
		{"a silent region is not good", func() api.Matrix {
			m := world(two, "a", "b")
			for _, target := range two {
				c := cellOf(&m, "b", target.Name)
				fail(c, probes.ConnectRefused, "x.example", "", time.Minute)
				c.Silent = true
			}
			return m
		}, []string{"Nothing is heard from b", "b is silent", "Check that the agent in b runs"}},
		{"all silent", func() api.Matrix {
			m := world(two, "a", "b")
			for i := range m.Cells {
				m.Cells[i].Silent = true
			}
			return m
		}, []string{"Nothing is heard from any region"}},
		{"warned", func() api.Matrix {
			m := world(two, "a")
			c := cellOf(&m, "a", two[0].Name)
			c.Newest.Outcome, c.Newest.Findings = probes.Degraded, []probes.Finding{probes.Note(probes.HopCount, "x.example", "9 hops")}
			return m
		}, []string{"All 2 targets are served, with 1 warning", "degraded: hop_count"}},
		{"not told", func() api.Matrix {
			m := world(two, "a")
			cellOf(&m, "a", two[0].Name).Newest.Outcome = probes.Unknown
			return m
		}, []string{"Nothing fails, but 1 of 2 targets couldn't be judged"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := read(t, &answers{matrix: c.m()}, "/", 200)
			wantAll(t, text, c.want...)
			if !strings.Contains(c.want[0], "All good") {
				wantNone(t, text, "All good")
			}
		})
	}
}

func TestStatusWithoutRuns(t *testing.T) {
	src := &answers{}
	text := read(t, src, "/", 200)
	wantAll(t, text, "No runs yet", "sonde agent --hub http://127.0.0.1:", "--region NAME")
	wantNone(t, text, "All good")
	wantAll(t, read(t, src, "/?region=mars", 200), "No runs match this selection", "region mars")
}

func TestStatusManyFailuresStayReadable(t *testing.T) {
	m := world(manyTargets(30), "a")
	for i := range m.Cells {
		fail(&m.Cells[i], probes.DNSNotFound, fmt.Sprintf("h%d.example", i), "", time.Minute)
	}
	_, body := visit(t, &answers{matrix: m}, "/")
	if got := strings.Count(body, `<article class="group failed">`); got != fullGroups {
		t.Errorf("got %d groups at length, want %d", got, fullGroups)
	}
	wantAll(t, body, "Failing too", "h29.example")
}

func TestStatusOf200TargetsIsSmall(t *testing.T) {
	_, body := visit(t, &answers{matrix: world(manyTargets(200), "ap-south", "eu-west", "us-east")}, "/")
	if got := strings.Count(body, `class="cell ok"`); got != 600 {
		t.Errorf("got %d cells, want 600", got)
	}
	if len(body) > 250_000 {
		t.Errorf("the page has %d bytes", len(body))
	}
}

func manyTargets(n int) (list []api.TargetInfo) {
	for i := range n {
		list = append(list, api.TargetInfo{Name: fmt.Sprintf("feeds.example/show-%03d.xml", i), Kind: "feed", Service: "Podcasts"})
	}
	return list
}

func TestStatusRefreshesUntilPaused(t *testing.T) {
	src := &answers{matrix: world(sixTargets, "a")}
	const refresh = `<meta http-equiv="refresh" content="10">`
	_, body := visit(t, src, "/?from=-6h")
	wantAll(t, body, refresh, `href="/?from=-6h&amp;refresh=off"`)
	if got, want := src.asked[0].From, pagesNow.Add(-6*time.Hour); !got.Equal(want) {
		t.Errorf("asked from %v, want %v", got, want)
	}
	_, body = visit(t, src, "/?from=-6h&refresh=off")
	wantNone(t, body, refresh)
	wantAll(t, body, `<a href="/?from=-6h">Refresh every 10 s</a>`)
}

func TestStatusRemembersWhoWasHeardBeforeTheRange(t *testing.T) {
	now, day := world(sixTargets[:2], "a", "b"), world(sixTargets[:4], "a", "b", "c")
	now.Cells = now.Cells[:3]
	for i := range day.Cells {
		day.Cells[i].Silent, day.Cells[i].Newest.Started = true, pagesNow.Add(-5*time.Hour)
	}
	src := &past{answers: answers{matrix: now}, day: day}
	text := read(t, src, "/?from=-15m", 200)
	wantAll(t, text,
		"Nothing is heard from c", "c is silent", "since Nov 2, 22:02 UTC, 5 h ago",
		"1 target silent in b", sixTargets[3].Name, // c alone probed it
	)
	_, body := visit(t, src, "/?from=-15m")
	if got := strings.Count(body, `class="cell silent"`); got != 5 {
		t.Errorf("got %d silent cells, want 5", got)
	}
	removed := world(sixTargets[:3], "a", "b")
	for i := range removed.Cells {
		removed.Cells[i].Silent = true
	}
	wantAll(t, read(t, &past{answers: answers{matrix: world(sixTargets[:2], "a", "b")}, day: removed}, "/", 200), "All good: all 2 targets are served")
}

// The day is costly to ask for, and the page is asked for every ten seconds.
func TestStatusAsksForTheDayOnceAMinute(t *testing.T) {
	src := &past{answers: answers{matrix: world(sixTargets[:2], "a")}, day: world(sixTargets[:3], "a", "b")}
	now := pagesNow
	h := pages(src, func() time.Time { return now })
	visits := func(days int) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != http.StatusOK || src.days != days {
			t.Errorf("got status %d, the day was asked for %d times, want %d", w.Code, src.days, days)
		}
	}
	visits(1)
	now = now.Add(10 * time.Second)
	visits(1)
	src.matrix = world(sixTargets[:2], "a", "new")
	visits(2)
	now = now.Add(2 * time.Minute)
	src.matrix = world(sixTargets[:2], "a")
	visits(3)
}

// past answers otherwise when it is asked for a day.
type past struct {
	answers
	day  api.Matrix
	days int // asked for
}

func (p *past) Matrix(ctx context.Context, q api.Query) (api.Matrix, error) {
	if q.To.Sub(q.From) >= api.Recalled {
		p.days++
		return p.day, nil
	}
	return p.answers.Matrix(ctx, q)
}

func TestStatusOfSomeOutcomesIsAListOfRuns(t *testing.T) {
	text := read(t, &answers{}, "/?outcome=failed&region=a", 200)
	wantAll(t, text, "Runs", "outcome failed", "region a")
}

func TestRuns(t *testing.T) {
	failed := failedRun().Run
	src := &answers{runs: api.Runs{Runs: []api.Run{failed}, Total: 4321}}
	text := read(t, src, "/runs?region=eu-west&target=&limit=1", 200)
	wantAll(t, text, "The newest 1 of 4,321 runs", "2026-11-03 03:01:58 UTC", "12 s ago", "tls_expired", "cdn.tonal.example", "412 ms", "region eu-west", "Show more")
	if q := src.asked[0]; len(q.Targets) != 0 || q.Limit != 1 {
		t.Errorf("asked %+v, want no target and limit 1", q)
	}
	_, body := visit(t, src, "/runs?limit=1")
	wantAll(t, body, `href="/runs/`+failedTrace+`"`, `href="/runs?limit=4"`)
	wantAll(t, read(t, &answers{}, "/runs", 200), "No runs match")
}

func TestRun(t *testing.T) {
	src := &answers{traces: map[string]api.Trace{failedTrace: failedRun()}}
	text := read(t, src, "/runs/"+failedTrace, 200)
	wantAll(t, text,
		"tls_expired at cdn.tonal.example", "A certificate has expired.", "Renew the certificate",
		"feed_enclosure", "the second hop is plain http", "agent-7f3a", failedTrace,
		"GET play.prefix.example → 302 (prefix)", "feeds.tonal.example → 203.0.113.9 and 1 more", "198.51.100.4:443",
		"rss 2.0, Night Shift, 214 items", "Ep. 214: Ships that pass", "47.1 KiB",
		"CN=cdn.tonal.example at fault", "2026-11-03 00:01:00 UTC, expired 3 h before this run",
		"valid for 129 days more", "http.response.status_code 302",
	)
	_, body := visit(t, src, "/runs/"+failedTrace)
	if got := strings.Count(body, "<details"); got != len(failedRun().Spans) {
		t.Errorf("got %d rows, want %d", got, len(failedRun().Spans))
	}
	if got := strings.Count(body, " open>"); got != 1 {
		t.Errorf("%d rows are open, want the one that failed", got)
	}
	wantAll(t, body, `class="tls" x="6.07%" width="7.77%"`, `class="failed" x="75.24%" width="24.27%"`)
}

func TestRunWithAPartMissing(t *testing.T) {
	tr := failedRun()
	tr.Spans = tr.Spans[1:]
	circle := api.Span{ID: "x", Parent: "y", Step: "hop", Start: pagesNow}
	tr.Spans = append(tr.Spans, circle, api.Span{ID: "y", Parent: "x", Step: "hop", Start: pagesNow})
	src := &answers{traces: map[string]api.Trace{failedTrace: tr, "none": {Run: tr.Run}}}
	wantAll(t, read(t, src, "/runs/"+failedTrace, 200), "A part of this run has not arrived yet", "GET cdn.tonal.example")
	wantAll(t, read(t, src, "/runs/none", 200), "A part of this run has not arrived yet")
}

func TestErrors(t *testing.T) {
	src := &answers{}
	wantAll(t, read(t, src, "/runs/beef", 404), "This run is not kept here", "all 32 digits", "Newest runs")
	wantAll(t, read(t, src, "/nowhere", 404), "There is no page here")
	wantAll(t, read(t, src, "/static/nothing", 404), "not found")
	wantAll(t, read(t, src, "/?from=yesterday", 400), "This selection can't be read", `got "yesterday"`)
	src.err = errors.New("disk gone")
	for _, path := range []string{"/", "/runs", "/runs/beef"} {
		wantAll(t, read(t, src, path, 500), "The stored runs could not be read", "disk gone")
	}
}

func TestStrangersTextIsEscaped(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	m := world([]api.TargetInfo{{Name: evil, Kind: evil, Service: evil, URL: "javascript:alert(1)"}}, evil)
	fail(&m.Cells[0], probes.Code(evil), evil, evil, time.Minute)
	m.Cells[0].Newest.TraceID, m.Cells[0].Failing.TraceID = evil, "../../"+evil
	m.Cells[0].Newest.Findings = []probes.Finding{{Code: probes.Code(evil), Severity: probes.Warning, Host: evil, Detail: evil}}
	tr := failedRun()
	tr.Run = m.Cells[0].Newest
	for i := range tr.Spans {
		s := &tr.Spans[i]
		s.Step, s.Code = evil, probes.Code(evil)
		s.Attrs = map[string]any{
			evil: evil, probes.AttrURL: "javascript:alert(1)", probes.AttrTarget: evil,
			probes.AttrTLSSubject: []any{evil}, probes.AttrDetail: evil,
		}
	}
	src := &answers{matrix: m, runs: api.Runs{Runs: []api.Run{m.Cells[0].Newest}, Total: 1}, traces: map[string]api.Trace{"t": tr}}
	for _, path := range []string{"/", "/runs?code=%22%3E%3Cscript%3E", "/runs/t", "/?target=%3Cscript%3E"} {
		_, body := visit(t, src, path)
		wantNone(t, body, "<script", "<img", `href="javascript`, "style=", " onerror=alert(1)>")
	}
}

func TestHeaders(t *testing.T) {
	w := httptest.NewRecorder()
	h := secured(pages(&answers{}, func() time.Time { return pagesNow }))
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if got := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'; style-src 'self'") {
		t.Errorf("got policy %q", got)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/static/sonde.css", nil))
	if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/css") {
		t.Errorf("got type %q for the style sheet", got)
	}
	again := httptest.NewRequest("GET", "/static/sonde.css", nil)
	again.Header.Set("If-None-Match", w.Header().Get("ETag"))
	w = httptest.NewRecorder()
	h.ServeHTTP(w, again)
	if w.Code != http.StatusNotModified {
		t.Errorf("got status %d for a known style sheet, want 304", w.Code)
	}
}

func TestSpans(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 119 * time.Second: "119 s", 2 * time.Minute: "2 min", 119 * time.Minute: "119 min",
		2 * time.Hour: "2 h", 47 * time.Hour: "47 h", 49 * time.Hour: "2 days",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v): got %q, want %q", d, got, want)
		}
	}
	for ratio, want := range map[float64]string{0: "0%", 0.001: "<1%", 0.3: "30%", 0.999: ">99%", 1: "100%"} {
		if got := percent(ratio); got != want {
			t.Errorf("percent(%v): got %q, want %q", ratio, got, want)
		}
	}
}
