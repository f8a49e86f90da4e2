package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

// A stage is a hub that watches, and what agents send it: each target is
// probed once a minute from each region.
type stage struct {
	*testHub
	hub     *Hub
	records *store.Records
	begin   time.Time
}

const (
	oldCert = "AAAA000000000000000000000000000000000000000000000000000000000000"
	newCert = "BBBB000000000000000000000000000000000000000000000000000000000000"
)

// openStage opens a hub on dir, whose past began an hour ago.
func openStage(t *testing.T, dir string) *stage {
	t.Helper()
	s := &stage{testHub: &testHub{dir: dir}, begin: time.Now().Add(-time.Hour).Truncate(time.Second)}
	var err error
	if s.st, err = store.Open(dir, store.Options{}); err != nil {
		t.Fatal(err)
	}
	if s.records, err = store.OpenRecords(dir); err != nil {
		t.Fatal(err)
	}
	s.hub = New(s.st, Options{Records: s.records})
	s.serve(t)
	return s
}

// serve serves the hub until the test ends.
func (s *stage) serve(t *testing.T) {
	s.Server = httptest.NewServer(s.hub)
	t.Cleanup(func() {
		s.Close()
		s.records.Close()
		s.st.Close()
	})
}

// watch lets the hub watch until the test ends, and waits until it has read.
func (s *stage) watch(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.hub.Run(ctx) })
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
	s.until(t, func() bool { return s.hub.Incidents(time.Now()) != nil })
}

// until waits for something the hub does by itself.
func (s *stage) until(t *testing.T, ok func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	end := time.After(time.Minute)
	for !ok() {
		select {
		case <-ticker.C:
		case <-end:
			t.Fatal("nothing came of it within a minute")
		}
	}
}

var stagedShows = []struct{ name, service, title, publisher, media string }{
	{"Night Shift", "Podcasts", "Night Shift", "Tonal", "cdn.tonal.example"},
	{"Long Way", "Podcasts", "The Long Way Round", "Tonal", "cdn.tonal.example"},
	{"Archive", "Library", "Archive", "Other Press", "media.other.example"},
}

// minute stores what the agents of regions found in the n-th minute.
func (s *stage) minute(t *testing.T, n int, regions []string, bad func(region, media string) probes.Code) {
	t.Helper()
	b := &store.Batch{}
	for si, show := range stagedShows {
		for _, region := range regions {
			ri := slices.Index(threeRegions, region)
			at := s.begin.Add(time.Duration(n)*time.Minute + time.Duration(si*7+ri*3)*time.Second)
			req := s.run(show.name, region, at, n*100+si*10+ri, bad(region, show.media), func(code probes.Code, spans ptrace.SpanSlice, id int) {
				stagedSpans(spans, id, at, show.title, show.publisher, show.media, code)
			}, show.service, show.media)
			one, _, err := rows(req.Traces(), sender{received: at.Add(time.Second)}, func(time.Time) bool { return true })
			if err != nil {
				t.Fatal(err)
			}
			b.Runs, b.Hops = append(b.Runs, one.Runs...), append(b.Hops, one.Hops...)
			b.Fragments, b.Sightings = append(b.Fragments, one.Fragments...), append(b.Sightings, one.Sightings...)
		}
	}
	if err := s.st.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) run(target, region string, at time.Time, id int, code probes.Code, fill func(probes.Code, ptrace.SpanSlice, int), service, media string) ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr(probes.AttrServiceInstance, "agent-"+region)
	rs.Resource().Attributes().PutStr(probes.AttrRegion, region)
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	root := stagedSpan(spans, id, 1, 0, "probe feed", at)
	a := root.Attributes()
	a.PutStr(probes.AttrTarget, target)
	a.PutStr(probes.AttrKind, "feed")
	a.PutStr(probes.AttrService, service)
	a.PutDouble(probes.AttrInterval, 60)
	a.PutStr(probes.AttrOutcome, "ok")
	if code != "" {
		a.PutStr(probes.AttrOutcome, "failed")
		a.PutStr(probes.AttrErrorType, string(code))
		a.PutStr(probes.AttrCulprit, media)
		a.PutStr(probes.AttrCause, oldCert)
		a.PutStr(probes.AttrDetail, "expired at midnight")
	}
	fill(code, spans, id)
	return ptraceotlp.NewExportRequestFromTraces(td)
}

// stagedSpans are a feed, and an episode at its media host.
func stagedSpans(spans ptrace.SpanSlice, id int, at time.Time, title, publisher, media string, code probes.Code) {
	stagedSpan(spans, id, 2, 1, "feed", at)
	hop := stagedSpan(spans, id, 3, 2, "hop", at)
	hop.Attributes().PutStr(probes.AttrServerAddress, "feeds.example")
	hop.Attributes().PutInt(probes.AttrStatus, 200)
	parse := stagedSpan(spans, id, 4, 2, "parse", at)
	parse.Attributes().PutStr(probes.AttrFeedTitle, title)
	parse.Attributes().PutStr(probes.AttrFeedPublisher, publisher)
	parse.Attributes().PutEmptySlice(probes.AttrFeedHosts).AppendEmpty().SetStr(media + "=214")
	stagedSpan(spans, id, 5, 1, "episode", at)
	hop = stagedSpan(spans, id, 6, 5, "hop", at)
	a := hop.Attributes()
	a.PutStr(probes.AttrServerAddress, media)
	a.PutStr(probes.AttrPeerAddress, "198.51.100.7")
	dns := stagedSpan(spans, id, 7, 6, "dns", at)
	dns.Attributes().PutEmptySlice(probes.AttrDNSAnswers).AppendEmpty().SetStr("198.51.100.7")
	shake := stagedSpan(spans, id, 8, 6, "tls", at)
	cert, until := newCert, "2031-01-01T00:00:00Z"
	if code != "" {
		cert, until = oldCert, "2026-01-01T00:00:00Z"
		for _, sp := range []ptrace.Span{shake, hop} {
			sp.Attributes().PutStr(probes.AttrErrorType, string(code))
			sp.Attributes().PutStr(probes.AttrDetail, "expired at midnight")
		}
	}
	for _, sp := range []ptrace.Span{shake, hop} {
		sp.Attributes().PutStr(probes.AttrCertSHA256, cert)
		sp.Attributes().PutStr(probes.AttrCertNotAfter, until)
	}
	for key, value := range map[string]string{probes.AttrTLSSubject: "CN=" + media, probes.AttrTLSSHA256: cert, probes.AttrTLSEnd: until} {
		shake.Attributes().PutEmptySlice(key).AppendEmpty().SetStr(value)
	}
}

func stagedSpan(to ptrace.SpanSlice, run, n, parent int, step string, at time.Time) ptrace.Span {
	sp := addSpan(to, 0, n, parent, step)
	sp.SetTraceID(pcommon.TraceID{0: 9, 12: byte(run >> 24), 13: byte(run >> 16), 14: byte(run >> 8), 15: byte(run)})
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(n) * time.Millisecond)))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(n)*time.Millisecond + time.Second)))
	return sp
}

var threeRegions = []string{"ap", "eu", "us"}

// outageOf is an expired certificate at the tonal host, in minutes from 20 to
// 40, everywhere but in ap.
func (s *stage) outage(t *testing.T, until int) {
	t.Helper()
	for n := range until {
		s.minute(t, n, threeRegions, func(region, media string) probes.Code {
			if n >= 20 && n < 40 && region != "ap" && media == "cdn.tonal.example" {
				return probes.TLSExpired
			}
			return ""
		})
	}
}

func TestIncidentFromPostToAnswers(t *testing.T) {
	s := openStage(t, t.TempDir())
	s.outage(t, 58)
	c := s.client(t, "")
	s.watch(t)
	got, err := c.Incidents(t.Context(), api.Query{From: s.begin, To: time.Now()}, "")
	if err != nil || len(got.Incidents) != 1 {
		t.Fatalf("got %+v and %v, want one incident", got, err)
	}
	i := got.Incidents[0]
	want := api.Incident{
		ID: i.ID, Severity: api.SeverityMajor, Title: i.Title, Code: probes.TLSExpired, Cause: oldCert, Culprit: "cdn.tonal.example",
		Scope: api.ScopeRegional, Regions: []string{"eu", "us"}, Targets: []string{"Long Way", "Night Shift"},
		Services: []string{"Podcasts"}, ServicesUnaffected: []string{"Library"}, End: api.EndRecovered,
		Advice: probes.TLSExpired.Advice(), Runs: 80, Using: 2, Hosts: []string{"cdn.tonal.example"},
		Codes: []api.CodeCount{{Code: probes.TLSExpired, Runs: 80, First: i.FirstFailure}}, Detail: "expired at midnight", Absorbed: []probes.Code{},
		FirstFailure: i.FirstFailure, LastFailure: i.LastFailure, Detected: i.Detected, Resolved: i.Resolved, PerRegion: i.PerRegion, Traces: i.Traces,
	}
	if diff := cmp.Diff(want, i); diff != "" {
		t.Error(diff)
	}
	if took := i.Detected.Sub(i.FirstFailure); took > time.Minute || i.Resolved == nil || len(i.PerRegion) != 2 || len(i.Traces) != 2 {
		t.Errorf("detected after %v, resolved %v, %v, %v", took, i.Resolved, i.PerRegion, i.Traces)
	}
	for q, n := range map[*api.Query]int{
		{From: s.begin, To: s.begin.Add(10 * time.Minute)}: 0, {From: s.begin, To: s.begin.Add(30 * time.Minute)}: 1,
		{From: s.begin.Add(50 * time.Minute)}: 0, {From: s.begin, Services: []string{"Library"}}: 0, {From: s.begin, Regions: []string{"eu"}}: 1,
	} {
		if got, err := c.Incidents(t.Context(), *q, ""); err != nil || len(got.Incidents) != n {
			t.Errorf("%+v: got %d incidents and %v, want %d", *q, len(got.Incidents), err, n)
		}
	}
	for state, n := range map[string]int{api.StateOpen: 0, api.StateResolved: 1} {
		if got, err := c.Incidents(t.Context(), api.Query{From: s.begin}, state); err != nil || len(got.Incidents) != n {
			t.Errorf("%s: got %d incidents and %v, want %d", state, len(got.Incidents), err, n)
		}
	}
}

// The contract names these keys, and lists are never null.
func TestIncidentsJSON(t *testing.T) {
	s := openStage(t, t.TempDir())
	s.outage(t, 35)
	s.watch(t)
	_, _, body := s.get(t, "/api/v1/incidents?from="+s.begin.Format(time.RFC3339)[:19]+"Z")
	var answer struct{ Incidents []map[string]any }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Incidents) == 0 {
		t.Fatalf("got %s and %v", body, err)
	}
	i := answer.Incidents[len(answer.Incidents)-1]
	for _, key := range strings.Fields(`id severity title code cause culprit scope regions targets services services_unaffected
		first_failure detected resolved end per_region traces advice`) {
		v, ok := i[key]
		if null := v == nil; !ok || null != (key == "resolved") {
			t.Errorf("%s is %v", key, v)
		}
	}
	if state := i["per_region"].([]any)[0].(map[string]any); len(state) != 3 || state["recovered"] != nil {
		t.Errorf("per_region has %v", state)
	}
	if strings.Contains(strings.ReplaceAll(body, `"recovered":null`, ""), `:null,"`) && !strings.Contains(body, `"resolved":null`) {
		t.Error(body)
	}
}

func TestIncidentDetail(t *testing.T) {
	s := openStage(t, t.TempDir())
	s.outage(t, 58)
	s.watch(t)
	c := s.client(t, "")
	id := s.hub.Incidents(time.Now())[0].ID
	d, err := c.Incident(t.Context(), id[:6])
	if err != nil || d.ID != id {
		t.Fatalf("got %s and %v, want %s", d.ID, err, id)
	}
	if len(d.Factors) == 0 || d.Factors[0].Dimension != "certificate" || d.Factors[0].Value != oldCert || d.Factors[0].Score != 1 {
		t.Errorf("got factors %+v", d.Factors)
	}
	if len(d.Divergences) != 2 || d.Divergences[0].Failing.Region != "eu" || d.Divergences[0].Healthy.Region != "ap" {
		t.Fatalf("got divergences %+v", d.Divergences)
	}
	if v := d.Divergences[0]; v.First < 0 || v.Steps[v.First].Path != "episode/hop" {
		t.Errorf("diverges at %d of %+v", v.First, v.Steps)
	}
	shows := []api.AffectedShow{
		{Target: "Long Way", Title: "The Long Way Round", Publisher: "Tonal", Service: "Podcasts", Enclosures: 214},
		{Target: "Night Shift", Title: "Night Shift", Publisher: "Tonal", Service: "Podcasts", Enclosures: 214},
	}
	if diff := cmp.Diff(shows, d.Shows); diff != "" {
		t.Error(diff)
	}
	if len(d.Evidence) != 2 || d.Evidence[0].Path != "episode/hop/tls" {
		t.Fatalf("got evidence %+v", d.Evidence)
	}
	facts := fmt.Sprint(d.Evidence[0].Facts)
	for _, want := range []string{"tls_expired", "198.51.100.7", "CN=cdn.tonal.example", oldCert, "until 2026-01-01"} {
		if !strings.Contains(facts, want) {
			t.Errorf("%s is not in %s", want, facts)
		}
	}
	var says []string
	for n, m := range d.Timeline {
		says = append(says, m.Text)
		if n > 0 && m.At.Before(d.Timeline[n-1].At) {
			t.Errorf("%v comes too late", m)
		}
	}
	text := strings.Join(says, "\n")
	for _, want := range []string{"first failure, in eu", "first failure in us", "detected, ", "good again in us", "resolved"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if _, err := c.Incident(t.Context(), "000000000000"); err == nil || !isNotExist(err) {
		t.Errorf("got %v", err)
	}
}

func isNotExist(err error) bool {
	e, ok := err.(*api.StatusError)
	return ok && e.Is(fs.ErrNotExist)
}

func TestNotes(t *testing.T) {
	s := openStage(t, t.TempDir())
	s.outage(t, 30)
	s.watch(t)
	c := s.client(t, "")
	all := s.hub.Incidents(time.Now())
	id := all[len(all)-1].ID
	over := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	note := api.Note{Text: "the CDN renews it <b>now</b>", Workaround: "use the mirror", Estimate: &over, Public: true, At: time.Now().UTC()}
	for range 2 { // a retry
		if _, err := c.AddNote(t.Context(), id[:8], note); err != nil {
			t.Fatal(err)
		}
	}
	d, err := c.Incident(t.Context(), id)
	if diff := cmp.Diff([]api.Note{note}, d.Notes); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if !slices.ContainsFunc(d.Timeline, func(m api.Moment) bool { return strings.Contains(m.Text, "use the mirror") }) {
		t.Errorf("got timeline %v", d.Timeline)
	}
	for body, status := range map[string]int{
		`{"text":" "}`: 400, `{"text":"x","colour":1}`: 400, `{`: 400, `{"text":"x"} {"text":"y"}`: 400, `{"text":"x","at":"2001-01-01T00:00:00Z"}`: 400,
		`{"text":"` + strings.Repeat("x", 5000) + `"}`: 400,
	} {
		if got := s.postNote(t, id, "application/json", body); got != status {
			t.Errorf("%.40s: got %d, want %d", body, got, status)
		}
	}
	if got := s.postNote(t, "ffffffffffff", "application/json", `{"text":"x"}`); got != 404 {
		t.Errorf("got %d, want 404", got)
	}
	if got := s.postNote(t, id, "text/plain", `{"text":"x"}`); got != 415 {
		t.Errorf("got %d, want 415", got)
	}
	if code, head, _ := s.get(t, "/api/v1/incidents/"+id+"/notes"); code != 405 || head.Get("Allow") != "POST" {
		t.Errorf("got %d", code)
	}
}

func (s *stage) postNote(t *testing.T, id, kind, body string) int {
	t.Helper()
	resp, err := s.Client().Post(s.URL+"/api/v1/incidents/"+id+"/notes", kind, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// A viewer reads; notes are an admin's.
func TestNotesOfViewers(t *testing.T) {
	dir := t.TempDir()
	records, err := store.OpenRecords(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	_, secret, err := records.CreateToken(RoleViewer, "")
	if err != nil {
		t.Fatal(err)
	}
	h := startHub(t, Options{Guarded: true, Records: records}, store.Options{})
	req, err := http.NewRequest("POST", h.URL+"/api/v1/incidents/abc/notes", strings.NewReader(`{"text":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, err := h.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("got %d, want 403", resp.StatusCode)
	}
}

func TestImpact(t *testing.T) {
	s := openStage(t, t.TempDir())
	s.outage(t, 30)
	s.watch(t)
	c := s.client(t, "")
	for _, of := range []string{"cdn.tonal.example", "CDN.Tonal.example", strings.ToLower(oldCert), "tonal.example"} {
		a, err := c.Impact(t.Context(), of)
		if err != nil || len(a.Targets) != 2 || a.Targets[1].Title != "Night Shift" || !a.Targets[1].Failing {
			t.Errorf("%s: got %+v and %v", of, a.Targets, err)
		}
		if diff := cmp.Diff([][]string{{"Podcasts"}, {"Tonal"}}, [][]string{a.Services, a.Publishers}); diff != "" {
			t.Error(diff)
		}
	}
	a, err := c.Impact(t.Context(), "")
	if err != nil || len(a.Targets) != 3 || len(a.Certificates) != 2 {
		t.Fatalf("got %+v and %v", a, err)
	}
	next := a.Certificates[0]
	if next.SHA256 != oldCert || next.NotAfter.Year() != 2026 || !cmp.Equal(next.Targets, []string{"Long Way", "Night Shift"}) {
		t.Errorf("got %+v", next)
	}
	if len(a.Differing) != 1 || a.Differing[0].Host != "cdn.tonal.example" || len(a.Differing[0].Served) != 3 {
		t.Errorf("got %+v", a.Differing)
	}
	if a, err := c.Impact(t.Context(), "nobody.example"); err != nil || len(a.Targets) != 0 || a.Targets == nil {
		t.Errorf("got %+v and %v", a, err)
	}
}

func TestBadQuestionsAboutIncidents(t *testing.T) {
	s := openStage(t, t.TempDir())
	if code, head, body := s.get(t, "/api/v1/incidents"); code != 503 || head.Get("Retry-After") == "" || !strings.Contains(body, "still reading") {
		t.Errorf("got %d %s before anything was read", code, body)
	}
	s.watch(t)
	for path, says := range map[string]string{
		"/api/v1/incidents?state=closed":   "state: want open or resolved",
		"/api/v1/incidents?severity=bad":   "severity: want one of critical",
		"/api/v1/incidents?colour=red":     "colour: unknown parameter",
		"/api/v1/incidents?kind=feed":      "kind: incidents can't be asked for by it",
		"/api/v1/incidents?from=yesterday": "from: want RFC 3339",
		"/api/v1/impact?host=a":            "host: unknown parameter",
		"/api/v1/incidents/abc?state=open": "by its ID alone",
	} {
		if code, _, body := s.get(t, path); code != 400 || !strings.Contains(body, says) {
			t.Errorf("%s: got %d %s, want %q", path, code, body, says)
		}
	}
}
