package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
	"github.com/sonde-media/sonde/probes"
)

// night is when somebody is called.
var night = time.Date(2026, 11, 2, 3, 41, 12, 0, time.UTC)

// An incident as it is at night: one certificate, two regions, a third beside
// them that is well.
func expired() api.IncidentDetail {
	at := func(s int) time.Time { return night.Add(-41*time.Minute + time.Duration(s)*time.Second) }
	good := at(2280)
	cert, other := strings.Repeat("5F3A", 16), strings.Repeat("77AA", 16)
	d := api.IncidentDetail{Incident: api.Incident{
		ID: "3f2a9c1b77aa", Severity: api.SeverityCritical, Title: "cdn.example: a certificate has expired; 37 targets fail in eu-west and us-east",
		Code: probes.TLSExpired, Cause: cert, Culprit: "cdn.example", Hosts: []string{"cdn.example", "img.example"}, Scope: api.ScopeRegional,
		Regions: []string{"eu-west", "us-east"}, Using: 40, Services: []string{"Podcasts"}, ServicesUnaffected: []string{"Login", "Storefront"},
		FirstFailure: at(0), LastFailure: at(2400), Detected: at(41),
		PerRegion: []api.IncidentState{{Region: "eu-west", Started: at(0)}, {Region: "us-east", Started: at(27), Recovered: &good}},
		Traces:    []api.IncidentTrace{{Region: "eu-west", TraceID: strings.Repeat("a", 32)}, {Region: "us-east", TraceID: strings.Repeat("b", 32)}},
		Advice:    probes.TLSExpired.Advice(), Runs: 240, Detail: "expired at 2026-11-02T03:00:00Z",
		Codes: []api.CodeCount{{Code: probes.TLSExpired, Runs: 239, First: at(0)}, {Code: "http_status", Runs: 1, First: at(90)}},
	}}
	for n := range 37 {
		name := fmt.Sprintf("feeds.example.org/show-%02d", n+1)
		d.Targets = append(d.Targets, name)
		d.Shows = append(d.Shows, api.AffectedShow{Target: name, Title: fmt.Sprintf("The Show Number %d", n+1), Publisher: "Example Media International", Service: "Podcasts", Enclosures: 12})
	}
	d.Factors = []api.Factor{
		{Dimension: "certificate", Value: cert, FailingWith: 120, Failing: 120, Healthy: 40, Score: 1},
		{Dimension: "ip_family", Value: "IPv6", FailingWith: 100, Failing: 120, HealthyWith: 10, Healthy: 40, Score: 0.58},
	}
	d.Divergences = []api.Divergence{{
		Failing: api.Run{Target: "feeds.example.org/show-01", Region: "eu-west", TraceID: strings.Repeat("a", 32)},
		Healthy: api.Run{Target: "feeds.example.org/show-01", Region: "ap-south", TraceID: strings.Repeat("c", 32)}, First: 1,
		Steps: []api.DivergedStep{
			{Path: "feed/hop/tls", Failing: true, Healthy: true, Facts: []api.DivergedFact{{Name: "host", Failing: "feeds.example.org", Healthy: "feeds.example.org"}}},
			{Path: "episode/hop 2/tls", Failing: true, Healthy: true, Facts: []api.DivergedFact{
				{Name: "code", Failing: "tls_expired", Differs: true},
				{Name: "host", Failing: "cdn.example", Healthy: "cdn.example"},
				{Name: "certificate", Failing: cert, Healthy: other, Differs: true},
				{Name: "expires", Failing: "2026-11-02T03:00:00Z", Healthy: "2027-11-02T03:00:00Z", Differs: true},
			}},
			{Path: "episode/hop 2/request", Healthy: true, Facts: []api.DivergedFact{{Name: "status", Healthy: "206"}}},
		},
	}}
	d.Evidence = []api.Evidence{{Region: "eu-west", TraceID: strings.Repeat("a", 32), Path: "episode/hop 2/tls", Facts: [][2]string{
		{"host", "cdn.example"},
		{"addresses", "2001:db8::1, 192.0.2.1"},
		{"certificate 1", "CN=cdn.example, issued by CN=R3, valid from 2024-11-02T03:00:00Z, until 2026-11-02T03:00:00Z, SHA-256 " + cert},
	}}}
	until := night.Add(20 * time.Minute)
	d.Notes = []api.Note{{At: at(600), Text: "new certificate ordered", Workaround: "none", Estimate: &until, Public: true}}
	d.Timeline = incident.Timeline(d.Incident, d.Notes)
	return d
}

func drawn(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata/incident", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s:\n%s", name, diff)
	}
}

// What somebody on call sees, in terminals of 80 and 120 columns. Links are as
// long as they are, so that they can be copied; all else fits.
func TestIncidentText(t *testing.T) {
	d, q := expired(), api.Query{From: night.Add(-24 * time.Hour), To: night}
	warned, over := d.Incident, d.Incident
	warned.ID, warned.Severity, warned.Title = "88aa01c2d3e4", api.SeverityWarning, "img.example: the certificate expires soon; 2 targets are affected in all regions"
	end := night.Add(-20 * time.Hour)
	over.ID, over.Severity, over.FirstFailure, over.Resolved, over.End = "77bb01c2d3e4", api.SeverityMajor, end.Add(-22*time.Minute), &end, api.EndRecovered
	for _, width := range []int{80, 120} {
		v := treeView{width: width}
		for name, text := range map[string]string{
			"list": incidentList(v, []api.Incident{over, warned, d.Incident}, q, night),
			"show": incidentDetail(v, d, "https://hub.example", night),
		} {
			drawn(t, fmt.Sprintf("%s-%d.txt", name, width), text)
			fits(t, text, width)
		}
	}
	drawn(t, "impact-80.txt", impactText(treeView{width: 80}, behindHost(), night))
	fits(t, impactText(treeView{width: 80}, behindHost(), night), 80)
	if got := incidentList(treeView{}, nil, q, night); got != "no incidents in the last 24 hours\n" {
		t.Errorf("got %q", got)
	}
}

func fits(t *testing.T, text string, width int) {
	t.Helper()
	for line := range strings.Lines(text) {
		if w := textWidth(strings.TrimSuffix(line, "\n")); w > width && !strings.Contains(line, strings.Repeat("5F3A", 16)) {
			t.Errorf("%d columns: %s", w, line)
		}
	}
}

func behindHost() api.Impact {
	found := api.Impact{Of: "cdn.example", Services: []string{"Podcasts"}, Publishers: []string{"Example Media International"}}
	for _, s := range expired().Shows[:3] {
		found.Targets = append(found.Targets, api.ImpactTarget{AffectedShow: s, Kind: "feed", Regions: []string{"eu-west"}, Failing: s.Target == "feeds.example.org/show-02"})
	}
	found.Certificates = []api.ImpactCertificate{
		{SHA256: strings.Repeat("5F3A", 16), Hosts: []string{"cdn.example", "img.example"}, NotAfter: night.Add(-time.Hour), Targets: []string{"a", "b"}, Services: []string{"Podcasts"}},
		{SHA256: strings.Repeat("77AA", 16), Hosts: []string{"cdn.example"}, NotAfter: night.Add(30 * 24 * time.Hour), Targets: []string{"c"}, Services: []string{"Podcasts"}},
		{SHA256: strings.Repeat("99BB", 16), Hosts: []string{"old.example"}},
	}
	found.Differing = []api.DifferingHost{{Host: "cdn.example", Served: []api.ServedCertificate{
		{Region: "eu-west", SHA256: strings.Repeat("5F3A", 16), NotAfter: night.Add(-time.Hour)},
		{Region: "ap-south", SHA256: strings.Repeat("77AA", 16), NotAfter: night.Add(30 * 24 * time.Hour)},
	}}}
	return found
}

// A stranger's text commands no terminal, and stays in its line.
func TestIncidentTextIsHarmless(t *testing.T) {
	bad := "x\x1b[2J\n\r\u202e\u0007y"
	d := expired()
	d.ID, d.Title, d.Cause, d.Detail, d.Advice, d.Severity = bad, bad, bad, bad, bad, bad
	d.Hosts, d.Targets, d.Services, d.Regions = []string{bad}, []string{bad}, []string{bad}, []string{bad}
	d.Code, d.Codes, d.Absorbed = probes.Code(bad), []api.CodeCount{{Code: probes.Code(bad)}, {Code: probes.Code(bad)}}, []probes.Code{probes.Code(bad)}
	d.PerRegion, d.Traces = []api.IncidentState{{Region: bad}}, []api.IncidentTrace{{Region: bad, TraceID: bad}}
	d.Factors, d.Shows = []api.Factor{{Dimension: bad, Value: bad}}, []api.AffectedShow{{Target: bad, Title: bad, Publisher: bad}}
	d.Evidence, d.Notes = []api.Evidence{{Region: bad, Path: bad, Facts: [][2]string{{bad, bad}}}}, []api.Note{{Text: bad, Workaround: bad}}
	d.Divergences[0].Failing, d.Divergences[0].Healthy = api.Run{Target: bad, Region: bad}, api.Run{Target: bad, Region: bad}
	d.Divergences[0].Steps[1] = api.DivergedStep{Path: bad, Failing: true, Facts: []api.DivergedFact{{Name: bad, Failing: bad, Healthy: bad, Differs: true}}}
	found := api.Impact{
		Of: bad, Services: []string{bad}, Publishers: []string{bad}, Targets: []api.ImpactTarget{{AffectedShow: d.Shows[0]}},
		Certificates: []api.ImpactCertificate{{SHA256: bad, Hosts: []string{bad}, Services: []string{bad}}},
		Differing:    []api.DifferingHost{{Host: bad, Served: []api.ServedCertificate{{Region: bad, SHA256: bad}}}},
	}
	delivered := []api.Delivery{{Receiver: bad, Incident: bad, Event: bad, Key: "a", State: bad, Error: bad, At: night}}
	v := treeView{width: 80}
	for name, text := range map[string]string{
		"list": incidentList(v, []api.Incident{d.Incident}, api.Query{}, night), "show": incidentDetail(v, d, "", night),
		"impact": impactText(v, found, night), "deliveries": deliveryList(v, delivered, 9, night),
	} {
		if strings.ContainsAny(text, "\x1b\r\u202e\u0007") || strings.Contains(text, "\ny") {
			t.Errorf("%s: got %q", name, text)
		}
	}
}

// sonde runs a command line and returns its exit status and what it printed.
func sonde(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

// A failure becomes an incident; who is on call is told, looks, notes and
// reports, with the first digits of its ID.
func TestIncidentStory(t *testing.T) {
	told := make(chan []byte, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- body
	}))
	defer hook.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer broken.Close()
	t.Setenv("HOOK", hook.URL)
	data := t.TempDir()
	file := filepath.Join(data, "sonde.yaml")
	if err := os.WriteFile(file, []byte("hub: https://hub.example\nnotify: [{name: chat, url: '${HOOK}/s3cr3t', format: chat}]\ntargets: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	base := servedHub(t, data, file)
	for range 3 { // one more than confirms it: chance brings two of this code
		if status, out, errs := sonde(t, "check", "--allow-private", "--kind", "page", "--region", "eu-west", "--otlp", base, broken.URL); status != exitFailed {
			t.Fatalf("check: status %d\n%s%s", status, out, errs)
		}
	}
	message := string(<-told)
	_, list, _ := sonde(t, "incident", "list", "--hub", base, "--json")
	var i api.Incident
	if err := json.Unmarshal([]byte(list), &i); err != nil || i.ID == "" {
		t.Fatalf("%v: %s", err, list)
	}
	if !strings.Contains(message, "New · ") || !strings.Contains(message, "https://hub.example/incidents/"+i.ID) {
		t.Errorf("told %s", message)
	}
	short := i.ID[:6]
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"incident", "list", "--state", "open"}, exitOK, i.ID},
		{[]string{"incident", "list", "--state", "resolved"}, exitOK, "no incidents"},
		{[]string{"incident", "list", "--service", "Nothing"}, exitOK, "no incidents"},
		{[]string{"incident", "note", short, "restarting it", "--estimate", "30m", "--workaround", "wait"}, exitOK, "for operators"},
		{[]string{"incident", "show", short}, exitOK, "restarting it; workaround: wait; expected to be over at"},
		{[]string{"incident", "show", short, "--json"}, exitOK, `"workaround":"wait"`},
		{[]string{"incident", "report", short, "--links", "https://status.example"}, exitOK, "](https://status.example/incidents/" + i.ID + ")"},
		{[]string{"incident", "note", short, "We are on it.", "--public", "--json"}, exitOK, `"public":true`},
		{[]string{"impact", i.Culprit}, exitOK, "1 failing now"},
		{[]string{"impact", "nowhere.example"}, exitOK, "nothing that was probed"},
		{[]string{"impact", "--json"}, exitOK, `"certificates":`},
		{[]string{"incident", "show", "ffffffffffff"}, exitUsage, "no incident has the ID"},
		{[]string{"incident", "note", "ffffffffffff", "x"}, exitUsage, "no incident has the ID"},
	} {
		status, out, errs := sonde(t, append(c.args, "--hub", base)...)
		if status != c.status || !strings.Contains(out+errs, c.says) {
			t.Errorf("%v: status %d, want %d and %q\n%s%s", c.args, status, c.status, c.says, out, errs)
		}
	}
	if _, out, _ := sonde(t, "notify", "list", "--data", data); !strings.Contains(out, "chat") || !strings.Contains(out, i.ID) {
		t.Errorf("deliveries:\n%s", out)
	}
	if status, out, errs := sonde(t, "notify", "test", "--config", file, "chat"); status != exitOK || !strings.Contains(out, "took two messages") || !strings.Contains(string(<-told), "This is a test") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

// servedHub runs a hub until the test ends, as sonde hub --config does.
func servedHub(t *testing.T, data, file string) (base string) {
	t.Helper()
	recipients, err := openRecipients(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	addr, served := make(chan string, 1), make(chan error, 1)
	o := hubOptions{listen: "127.0.0.1:0", data: data, told: recipients}
	go func() { served <- serveHub(ctx, o, func(a string) { addr <- a }) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return "http://" + <-addr
}
