package hub

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"html"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

func publicSummary(t *testing.T, src source) *api.Summary {
	t.Helper()
	a, err := (&site{src: src, now: func() time.Time { return pagesNow }}).summary(httptest.NewRequest("GET", "/api/v1/summary", nil))
	if err != nil {
		t.Fatal(err)
	}
	return a.(*api.Summary)
}

// copied reads all files of an export.
func copied(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		data, err := os.ReadFile(path)
		files[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func exported(t *testing.T, src source) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := Export(dir, publicSummary(t, src), ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	return copied(t, dir)
}

// What the public sees has no host, target, agent, trace, certificate, URL or
// internal note in it, wherever these stand in what the hub knows.
func TestExportTellsNothingPrivate(t *testing.T) {
	src := incidents()
	for name, text := range exported(t, src) {
		if name == "sonde.css" || strings.HasSuffix(name, ".svg") {
			continue
		}
		wantNone(t, text, "tonal.example", "agent-", "Ask Jo", "9F86D081", failedTrace, "silent: nothing is known", "eu-west", "tls_expired", "archive.example")
	}
}

func TestExportSaysHowThingsAre(t *testing.T) {
	files := exported(t, incidents())
	index := blanks.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(files["index.html"], " ")), " ")
	wantAll(t, index,
		"Podcasts is partly out", "As of 2026-11-03 03:02:10 UTC", "Podcasts: some episodes can't be played in Ireland and Virginia since 02:41 UTC",
		"We are renewing a certificate.", "one show may stall in all regions", "99.96% of checks good", "Storefront",
	)
	wantNone(t, index, "Other targets")
	wantAll(t, files["incidents/9f86d081884c.html"], "Partial outage", "Virginia", "2026-11-03 03:00:10 UTC", "not yet")
	wantAll(t, files["history.html"], "November 2026", "may stall")
	var sum api.Summary
	if err := json.Unmarshal([]byte(files["summary.json"]), &sum); err != nil || sum.State != api.SeverityMajor || len(sum.Incidents) != 2 {
		t.Errorf("got summary %+v, %v", sum, err)
	}
	if days := sum.Services[0].Days; len(days) != barDays || days[barDays-1].Down != 21*60 || days[0].State != api.StateNoData {
		t.Errorf("got days %+v", days)
	}
}

var links = regexp.MustCompile(`(?:href|src)="([^"]*)"`)

// A copy may lie in any folder of any host.
func TestExportedLinksLeadToItsOwnFiles(t *testing.T) {
	files := exported(t, incidents())
	n := 0
	for name, text := range files {
		if !strings.HasSuffix(name, ".html") && !strings.HasSuffix(name, ".atom") {
			continue
		}
		for _, m := range links.FindAllStringSubmatch(text, -1) {
			base, link := &url.URL{Path: name}, html.UnescapeString(m[1])
			u, err := base.Parse(link)
			if strings.HasPrefix(link, "#") {
				continue
			}
			if err != nil || u.Host != "" || strings.HasPrefix(link, "/") || files[strings.TrimPrefix(u.Path, "/")] == "" {
				t.Errorf("%s: link %q leads nowhere", name, link)
			}
			n++
		}
	}
	if n < 20 {
		t.Errorf("%d links were tried", n)
	}
}

var inline = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// Nothing runs but what the policy names.
func TestExportPolicyNamesItsScript(t *testing.T) {
	for name, text := range exported(t, incidents()) {
		if !strings.HasSuffix(name, ".html") {
			continue
		}
		scripts := inline.FindAllStringSubmatch(text, -1)
		if len(scripts) != 1 || strings.Count(text, "<script") != 1 {
			t.Fatalf("%s: got %d scripts, want 1", name, len(scripts))
		}
		sum := sha256.Sum256([]byte(scripts[0][1]))
		wantAll(t, html.UnescapeString(text), "script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'", "default-src 'none'")
		wantNone(t, text, "style=", " onload")
		wantAll(t, text, `data-fresh="300"`)
	}
}

func TestExportAgain(t *testing.T) {
	dir := t.TempDir()
	src := incidents()
	if err := Export(dir, publicSummary(t, src), ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "incidents", "about us.html")
	if err := os.WriteFile(kept, []byte("ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	src.incidents = src.incidents[1:] // it was none, as late runs show
	if err := Export(dir, publicSummary(t, src), ExportOptions{Title: "Tonal", URL: "https://status.tonal.example/now/"}); err != nil {
		t.Fatal(err)
	}
	files := copied(t, dir)
	if files["incidents/9f86d081884c.html"] != "" || files["incidents/60303ae22b99.html"] == "" || files["incidents/about us.html"] == "" {
		t.Error("want the page of the incident that was none removed, and others left")
	}
	for name := range files {
		if strings.Contains(name, ".sonde-") {
			t.Errorf("%s was left behind", name)
		}
	}
	wantAll(t, files["index.html"], "– Tonal</title>", "All services work")
	wantAll(t, files["feed.atom"], `href="https://status.tonal.example/now/incidents/60303ae22b99.html"`, `href="https://status.tonal.example/now/feed.atom"`)
	if err := xml.Unmarshal([]byte(files["feed.atom"]), &atomFeed{}); err != nil {
		t.Error(err)
	}
}

// What a hub answers doesn't choose what files are written.
func TestExportRefusesAnIDThatIsAPath(t *testing.T) {
	dir := t.TempDir()
	err := Export(filepath.Join(dir, "copy"), &api.Summary{Incidents: []api.PublicIncident{{ID: "../../evil"}}}, ExportOptions{})
	if !errors.Is(err, errID) {
		t.Errorf("got %v", err)
	}
}

// Silence isn't good news: neither of one service nor of all.
func TestSummaryOfSilence(t *testing.T) {
	src := &answers{matrix: world(sixTargets, "a", "b")}
	for i, c := range src.matrix.Cells {
		src.matrix.Cells[i].Silent = strings.Contains(c.Target, "www") || strings.Contains(c.Target, "login")
	}
	sum := publicSummary(t, src)
	if h := publicHeadline(sum); h.State != silent || h.Lead[0] != "nothing is heard of Storefront" {
		t.Errorf("got %+v", h)
	}
	for i := range src.matrix.Cells {
		src.matrix.Cells[i].Silent = true
	}
	if h := publicHeadline(publicSummary(t, src)); h.State != silent || strings.Contains(h.Text, "work") {
		t.Errorf("got %+v", h)
	}
	src.reading = true
	if _, err := (&site{src: src, now: time.Now}).summary(httptest.NewRequest("GET", "/", nil)); !errors.Is(err, errReading) {
		t.Errorf("got %v before the incidents are known", err)
	}
}
