package page

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// A saved is a page of the corpus and what a browser asked for on it.
type saved struct {
	dir   string // of the corpus's pages
	row   map[string]string
	truth []map[string]string
}

func savedPages(t *testing.T) (pages []*saved) {
	dir := wiretest.Corpus(t, "pages")
	byURL := map[string]*saved{}
	for _, row := range wiretest.Table(t, filepath.Join(dir, "truth-pages.tsv")) {
		p := &saved{dir: dir, row: row}
		byURL[row["file"]] = p
		pages = append(pages, p)
	}
	for _, row := range wiretest.Table(t, filepath.Join(dir, "truth.tsv")) {
		byURL[row["file"]].truth = append(byURL[row["file"]].truth, row)
	}
	return pages
}

// open serves what the corpus has saved beside the page.
func (p *saved) open(_ context.Context, _ *probes.Step, req wire.Request) (*wire.Response, error) {
	u, err := url.Parse(req.URL)
	if err != nil {
		return nil, probes.Fail(probes.HTTPOther, err)
	}
	resp := &wire.Response{URL: u, Status: 200, Header: http.Header{"Access-Control-Allow-Origin": {"*"}}}
	prefix, file, ok := strings.Cut(p.row["serve"], "=>")
	rest, below := strings.CutPrefix(req.URL, prefix)
	if ok && below {
		resp.Body, err = os.ReadFile(filepath.Join(p.dir, file, filepath.FromSlash(strings.SplitN(rest, "?", 2)[0])))
	}
	if err != nil {
		return nil, probes.Fail(probes.HTTPMissing, err)
	}
	return resp, nil
}

// assets runs the crawl of a saved page.
func (p *saved) assets(t *testing.T) map[string]*asset {
	body := wiretest.Read(t, filepath.Join(p.dir, p.row["file"]))
	u, err := url.Parse(p.row["page_url"])
	if err != nil {
		t.Fatal(err)
	}
	doc, err := readDocument(u, http.Header{"Content-Type": {p.row["content_type"]}}, body, Defaults.Viewport)
	if err != nil {
		t.Errorf("%s: %v", p.row["file"], err)
		return nil
	}
	o := Defaults
	o.MaxAssets = maxRefs
	c := newCrawl(probes.NewStep("probe page"), doc, o)
	c.fetch = p.open
	c.run(t.Context())
	c.verdict()
	return c.known
}

// A score counts what was right and what was not.
type score struct{ right, missed, extra int }

func (s *score) count(want, got bool) {
	switch {
	case want && got:
		s.right++
	case want:
		s.missed++
	case got:
		s.extra++
	}
}

func (s score) check(t *testing.T, what string, recall, precision float64) {
	t.Helper()
	r := float64(s.right) / float64(max(1, s.right+s.missed))
	p := float64(s.right) / float64(max(1, s.right+s.extra))
	t.Logf("%s: recall %.4f, precision %.4f of %d", what, r, p, s.right+s.missed)
	if r < recall || p < precision {
		t.Errorf("%s: want recall %.2f and precision %.2f", what, recall, precision)
	}
}

// TestCorpus compares with what a browser asked for. What it may or may not
// have asked for counts neither way.
func TestCorpus(t *testing.T) {
	var fetched, blocking score
	for _, p := range savedPages(t) {
		got := map[string]*asset{}
		for raw, a := range p.assets(t) {
			got[comparable(raw)] = a
		}
		for _, row := range p.truth {
			key := comparable(row["url"])
			a := got[key]
			must := row["count"] == "must"
			fetched.count(must, a != nil && row["count"] != "may")
			if must != (a != nil) && row["count"] != "may" {
				t.Logf("%s: fetched %v, want %v (%s): %s", p.row["file"], a != nil, must, row["why"], row["url"])
			}
			if a != nil && must && row["blocking"] != "unknown" {
				blocking.count(row["blocking"] == "true", a.blocking)
			}
			delete(got, key)
		}
		for _, a := range got {
			fetched.count(false, true)
			t.Logf("%s: fetched for nothing: %s %s", p.row["file"], a.role, a.url)
		}
	}
	fetched.check(t, "fetched", 0.99, 0.95)
	blocking.check(t, "blocking", 0.99, 0.99)
}

// comparable is a URL in one way of writing it.
func comparable(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	u.Fragment = ""
	if p, err := url.PathUnescape(u.EscapedPath()); err == nil {
		u.Path, u.RawPath = p, ""
	}
	if q, err := url.PathUnescape(u.RawQuery); err == nil {
		u.RawQuery = q
	}
	return u.String()
}
