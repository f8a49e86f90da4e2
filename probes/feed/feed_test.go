package feed_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var audio = bytes.Repeat(append([]byte{0xFF, 0xFB, 0x90, 0x00}, make([]byte, 413)...), 400)

func rss(items ...string) string {
	return `<?xml version="1.0"?><rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:podcast="https://podcastindex.org/namespace/1.0">
<channel><title>The Show</title><itunes:author>Someone</itunes:author><podcast:guid>917393e3</podcast:guid>` + strings.Join(items, "") + `</channel></rss>`
}

func item(title, date, url string) string {
	return fmt.Sprintf(`<item><title>%s</title><guid>g-%[1]s</guid><pubDate>%s</pubDate><enclosure url=%q length="166800" type="audio/mpeg"/></item>`, title, date, url)
}

const (
	older = "Mon, 01 Jun 2026 08:00:00 GMT"
	newer = "Mon, 08 Jun 2026 08:00:00 GMT"
)

func TestListen(t *testing.T) {
	ca := wiretest.NewCA(t)
	mux := http.NewServeMux()
	files := map[string]string{
		"/show.xml":     rss(item("old", older, "/old.mp3"), item("new", newer, "/prefix/new.mp3")),
		"/broken.xml":   rss(item("old", older, "/old.mp3"), item("new", newer, "/gone.mp3")),
		"/blog.xml":     rss("<item><title>text only</title></item>"),
		"/ftp.xml":      rss(item("new", newer, "ftp://cdn.example/new.mp3"), item("old", older, "/old.mp3")),
		"/nourl.xml":    rss(item("new", newer, "http://[::1")),
		"/empty.xml":    rss(),
		"/page.html":    "<!doctype html><title>no feed</title>",
		"/cut.xml":      rss(item("old", older, "/old.mp3"))[:200],
		"/half.xml":     rss(item("new", newer, "/old.mp3"), item("old", older, "/old.mp3"))[:500],
		"/deep.xml":     strings.Repeat("<a>", 2_000_000),
		"/dateless.xml": rss(item("one", "", "/old.mp3")),
		"/undated.xml": rss(
			item("first", "", "/old.mp3"), item("second", newer, "/gone.mp3")),
	}
	for path, text := range files {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, text) })
	}
	mux.HandleFunc("/prefix/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/old.mp3", http.StatusFound) })
	mux.HandleFunc("/old.mp3", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(audio))
	})
	s := wiretest.Server(t, ca.Issue(t, wiretest.Cert{}), mux)
	n, err := wire.New(wire.Options{Roots: ca.Pool, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}

	const hop = "    hop\n      connect\n      tls\n      request\n      body\n"
	const seek = "    seek\n      hop\n        connect\n        tls\n        request\n        body\n    seek\n      hop\n        request\n        body\n"
	const heard = seek + "    head\n      hop\n        request\n    decode\n"
	const fed = "  feed\n" + hop + "    parse\n"
	const unparsed = "  feed !CODE\n" + hop + "    parse !CODE\n"
	for _, c := range []struct {
		path    string
		options probes.Options
		outcome probes.Outcome
		code    probes.Code
		outline string
	}{
		{"/show.xml", nil, probes.OK, "", fed + "  episode\n" + hop + hop + heard},
		{"/show.xml", probes.Options{"episodes": 2}, probes.OK, "", fed + "  episode\n" + hop + hop + heard + "  episode\n" + hop + heard},
		{"/show.xml", probes.Options{"seek": false, "head": false, "bytes": 2048}, probes.OK, "", fed + "  episode\n" + hop + hop + "    decode\n"},
		{"/show.xml", probes.Options{"episodes": 0}, probes.OK, "", fed},
		{"/show.xml", probes.Options{"episodes": 0, "stale_after": "7d"}, probes.Degraded, "", strings.Replace(fed, "parse", "parse ?feed_stale", 1)},
		{"/show.xml", probes.Options{"episodes": 0, "stale_after": "9999d"}, probes.OK, "", fed},
		{"/dateless.xml", probes.Options{"episodes": 0, "stale_after": "9999d"}, probes.Degraded, "", strings.Replace(fed, "parse", "parse ?feed_stale", 1)},
		{
			"/broken.xml",
			probes.Options{"episodes": 2},
			probes.Failed, probes.HTTPMissing,
			fed + "  episode !http_missing ?feed_enclosure\n    hop !http_missing\n      connect\n      tls\n      request !http_missing\n" +
				"  episode\n" + hop + heard,
		},
		{"/blog.xml", nil, probes.Failed, probes.FeedEnclosure, fed + "  episode !feed_enclosure\n"},
		{"/ftp.xml", nil, probes.Failed, probes.FeedEnclosure, fed + "  episode !feed_enclosure\n"},
		{"/nourl.xml", nil, probes.Failed, probes.FeedEnclosure, fed + "  episode !feed_enclosure\n"},
		{"/blog.xml", probes.Options{"episodes": 0}, probes.OK, "", fed},
		{"/empty.xml", nil, probes.Failed, probes.FeedEmpty, strings.ReplaceAll(unparsed, "CODE", "feed_empty")},
		{"/empty.xml", probes.Options{"episodes": 0}, probes.Degraded, "", strings.Replace(fed, "parse", "parse ?feed_empty", 1)},
		{"/page.html", nil, probes.Failed, probes.FeedSyntax, strings.ReplaceAll(unparsed, "CODE", "feed_syntax")},
		{"/cut.xml", nil, probes.Failed, probes.FeedSyntax, strings.ReplaceAll(unparsed, "CODE", "feed_syntax")},
		{"/half.xml", nil, probes.Degraded, "", strings.Replace(fed, "parse", "parse ?feed_syntax", 1) + "  episode\n" + hop + heard},
		{"/deep.xml", nil, probes.Failed, probes.FeedSyntax, strings.ReplaceAll(unparsed, "CODE", "feed_syntax")},
		{"/undated.xml", nil, probes.OK, "", fed + "  episode\n" + hop + heard},
	} {
		target := probes.Target{Kind: "feed", URL: s.URL + c.path, Options: c.options}
		f, err := feed.New(n, target)
		if err != nil {
			t.Fatal(err)
		}
		r := probes.Do(t.Context(), f, target)
		if r.Outcome == probes.Failed && r.Culprit != "127.0.0.1" {
			t.Errorf("%s: got culprit %q", c.path, r.Culprit)
		}
		first, got, _ := strings.Cut(wiretest.Outline(r.Root), "\n")
		if got != c.outline || r.Outcome != c.outcome || r.Code != c.code {
			t.Errorf("%s %v: %s\n%s%s\nwant\n%s(%s)", c.path, c.options, first, got, r.Outcome, c.outline, r.Detail)
		}
	}
}

func TestNotes(t *testing.T) {
	ca := wiretest.NewCA(t)
	s := wiretest.Server(t, ca.Issue(t, wiretest.Cert{}), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, rss(item("a", older, "https://a.example/1.mp3"), item("b", older, "https://b.example/1.mp3"), item("c", newer, "https://b.example/2.mp3")))
	}))
	n, err := wire.New(wire.Options{Roots: ca.Pool, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	target := probes.Target{Kind: "feed", URL: s.URL, Options: probes.Options{"episodes": 0}}
	f, err := feed.New(n, target)
	if err != nil {
		t.Fatal(err)
	}
	parse := probes.Do(t.Context(), f, target).Root.Steps[0].Steps[1]
	for key, want := range map[string]any{
		probes.AttrFeedItems: 3, probes.AttrFeedEnclosures: 3, probes.AttrFeedTitle: "The Show", probes.AttrFeedPublisher: "Someone",
		probes.AttrFeedGUID: "917393e3", probes.AttrFeedFormat: "rss 2.0", probes.AttrFeedHosts: []string{"b.example=2", "a.example=1"},
	} {
		if got := parse.Attrs[key]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", key, got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []probes.Options{{"episodes": -1}, {"episodes": "two"}, {"max_bytes": 0}, {"max_bytes": "big"}, {"episode": 1}, {"stale_after": "soon"}, {"bytes": 2}, {"ip": 5}} {
		if _, err := feed.New(nil, probes.Target{Options: o}); err == nil {
			t.Errorf("%v was taken", o)
		}
	}
}

// published is a feed that a test changes between runs, and what was asked of it.
type published struct {
	text, etag string
	as         string   // Content-Type, "": by the name
	asked      []string // the If-None-Match of each request
}

func (p *published) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked = append(p.asked, r.Header.Get("If-None-Match"))
	if p.as != "" {
		w.Header().Set("Content-Type", p.as)
	}
	if p.etag != "" {
		w.Header().Set("ETag", p.etag)
	}
	http.ServeContent(w, r, "show.xml", time.Time{}, strings.NewReader(p.text))
}

// rerun returns a function that probes p once more.
func rerun(t *testing.T, p *published, options probes.Options) func() *probes.Run {
	t.Helper()
	ca := wiretest.NewCA(t)
	s := wiretest.Server(t, ca.Issue(t, wiretest.Cert{}), p)
	n, err := wire.New(wire.Options{Roots: ca.Pool, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	target := probes.Target{Kind: "feed", URL: s.URL + "/show.xml", Options: options}
	f, err := feed.New(n, target)
	if err != nil {
		t.Fatal(err)
	}
	return func() *probes.Run { return probes.Do(t.Context(), f, target) }
}

// parsed is the parse step of r, without what tells one run from the next.
func parsed(t *testing.T, r *probes.Run) (facts string, unchanged bool) {
	t.Helper()
	for s := range r.Root.All() {
		if s.Name == "parse" {
			unchanged = s.Attrs[probes.AttrFeedUnchanged] == true
			delete(s.Attrs, probes.AttrFeedUnchanged)
			return fmt.Sprint(s.Attrs, s.Findings), unchanged
		}
	}
	t.Fatalf("no parse step:\n%s", wiretest.Outline(r.Root))
	return "", false
}

// A feed that hasn't changed is not read again, and says the same of itself.
func TestUnchanged(t *testing.T) {
	text := rss(item("a", older, "https://a.example/1.mp3"), item("b", newer, "https://a.example/2.mp3")) + "<"
	for _, etag := range []string{"", `"1"`} {
		p := &published{text: text, etag: etag}
		run := rerun(t, p, probes.Options{"episodes": 0})
		first, unchanged := parsed(t, run())
		if unchanged || !strings.Contains(first, "sonde.feed.newest:2026-06-08T08:00:00Z") {
			t.Errorf("%q: got %v, %s", etag, unchanged, first)
		}
		for range 3 {
			if again, unchanged := parsed(t, run()); !unchanged || again != first {
				t.Errorf("%q: got %v, %s\nwant %s", etag, unchanged, again, first)
			}
		}
		if got, want := strings.Join(p.asked, " "), strings.TrimRight(strings.Repeat(" "+etag, 3), " "); got != want && etag != "" {
			t.Errorf("asked with %q, want %q", got, want)
		}
		p.text, p.etag = rss(item("c", newer, "https://a.example/3.mp3")), etag+"2"
		if now, unchanged := parsed(t, run()); unchanged || !strings.Contains(now, "sonde.feed.items:1 ") {
			t.Errorf("%q: got %v, %s", etag, unchanged, now)
		}
	}
}

// A server that answers 304 whatever it has is found out.
func TestAlwaysUnchanged(t *testing.T) {
	p := &published{text: rss(item("a", older, "https://a.example/1.mp3")), etag: `"1"`}
	run := rerun(t, p, probes.Options{"episodes": 0})
	run()
	p.text = "<html>an error page"
	for n := 1; ; n++ {
		if r := run(); r.Code == probes.FeedSyntax {
			break
		}
		if n > 20 {
			t.Fatal("it is believed for ever")
		}
	}
	p.text = rss(item("a", older, "https://a.example/1.mp3"))
	if r := run(); r.Outcome != probes.OK || p.asked[len(p.asked)-1] != "" {
		t.Errorf("after a failure: got %s, asked with %q", r.Outcome, p.asked[len(p.asked)-1])
	}
}

// What another run has seen tells that this one is served something else.
func TestRemembered(t *testing.T) {
	show := func(key, host string) string {
		var items []string
		for n := range 4 {
			items = append(items, item(fmt.Sprint(key, n), newer, fmt.Sprintf("https://%s/%d.mp3", host, n)))
		}
		return rss(items...)
	}
	p := &published{text: show("a", "a.example")}
	run := rerun(t, p, probes.Options{"episodes": 0})
	for _, c := range []struct{ text, finding, host string }{
		{show("a", "a.example"), "", ""},
		{show("a", "b.example"), "enclosure_moved", "b.example"},
		{strings.NewReplacer("The Show", "Another", "917393e3", "1a2b").Replace(show("x", "b.example")), "feed_identity", "127.0.0.1"},
	} {
		p.text = c.text
		r := run()
		got, host := "", ""
		for _, f := range r.Findings {
			got, host = got+string(f.Code), f.Host
		}
		if got != c.finding || host != c.host || (r.Outcome == probes.OK) != (c.finding == "") {
			t.Errorf("want %q at %q, got %s\n%+v", c.finding, c.host, r.Outcome, r.Findings)
		}
	}
}

// The charset of HTTP is of use where a feed says nothing of its encoding, and a
// feed in another one is another feed.
func TestServersCharset(t *testing.T) {
	p := &published{text: strings.TrimPrefix(rss(item("\xe9", newer, "/1.mp3")), `<?xml version="1.0"?>`)}
	p.text = strings.Replace(p.text, "The Show", "Caf\xe9", 1)
	run := rerun(t, p, probes.Options{"episodes": 0})
	for _, c := range []struct {
		as, want string
		outcome  probes.Outcome
	}{
		{"application/rss+xml; charset=iso-8859-1", "title:Café", probes.OK},
		{"application/rss+xml; charset=koi8-r", "title:CafИ", probes.OK},
		{"application/rss+xml", "title:Café", probes.Degraded},
	} {
		p.as = c.as
		r := run()
		facts, unchanged := parsed(t, r)
		if !strings.Contains(facts, c.want) || r.Outcome != c.outcome || unchanged {
			t.Errorf("%s: got %s, %s", c.as, r.Outcome, facts)
		}
	}
}

// A feed that is too large to be held is read all the same, and where it goes
// past the limit as far as that.
func TestLarge(t *testing.T) {
	var items []string
	for n := range 40_000 {
		items = append(items, item(fmt.Sprint(n), newer, fmt.Sprintf("https://a.example/%d.mp3", n)))
	}
	p := &published{text: rss(items...)}
	for _, c := range []struct {
		options probes.Options
		want    string
	}{
		{probes.Options{"episodes": 0}, ""},
		{probes.Options{"episodes": 0, "max_bytes": "5 MiB"}, "body_size feed_syntax "},
	} {
		run := rerun(t, p, c.options)
		for again := range 2 {
			r := run()
			got := ""
			for _, f := range r.Findings {
				got += string(f.Code) + " "
			}
			facts, unchanged := parsed(t, r)
			if got != c.want || strings.Contains(facts, "sonde.feed.items:40000 ") != (c.want == "") || unchanged != (again == 1) {
				t.Errorf("%v: got %s, %s %v", c.options, got, facts, unchanged)
			}
		}
	}
	if size := len(p.text); size < 6<<20 {
		t.Errorf("the feed has only %d bytes", size)
	}
}
