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
		"/show.xml":   rss(item("old", older, "/old.mp3"), item("new", newer, "/prefix/new.mp3")),
		"/broken.xml": rss(item("old", older, "/old.mp3"), item("new", newer, "/gone.mp3")),
		"/blog.xml":   rss("<item><title>text only</title></item>"),
		"/ftp.xml":    rss(item("new", newer, "ftp://cdn.example/new.mp3"), item("old", older, "/old.mp3")),
		"/nourl.xml":  rss(item("new", newer, "http://[::1")),
		"/empty.xml":  rss(),
		"/page.html":  "<!doctype html><title>no feed</title>",
		"/cut.xml":    rss(item("old", older, "/old.mp3"))[:200],
		"/half.xml":   rss(item("new", newer, "/old.mp3"), item("old", older, "/old.mp3"))[:500],
		"/deep.xml":   strings.Repeat("<a>", 2_000_000),
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
	const fed = "  feed\n" + hop + "    parse\n"
	const unparsed = "  feed !CODE\n" + hop + "    parse !CODE\n"
	for _, c := range []struct {
		path    string
		options probes.Options
		outcome probes.Outcome
		code    probes.Code
		outline string
	}{
		{"/show.xml", nil, probes.OK, "", fed + "  episode\n" + hop + hop + "    decode\n"},
		{"/show.xml", probes.Options{"episodes": 2}, probes.OK, "", fed + "  episode\n" + hop + hop + "    decode\n  episode\n" + hop + "    decode\n"},
		{"/show.xml", probes.Options{"episodes": 0}, probes.OK, "", fed},
		{
			"/broken.xml",
			probes.Options{"episodes": 2},
			probes.Failed, probes.HTTPMissing,
			fed + "  episode !http_missing ?feed_enclosure\n    hop !http_missing\n      connect\n      tls\n      request !http_missing\n" +
				"  episode\n" + hop + "    decode\n",
		},
		{"/blog.xml", nil, probes.Failed, probes.FeedEnclosure, fed + "  episode !feed_enclosure\n"},
		{"/ftp.xml", nil, probes.Failed, probes.FeedEnclosure, fed + "  episode !feed_enclosure\n"},
		{"/nourl.xml", nil, probes.Failed, probes.FeedEnclosure, fed + "  episode !feed_enclosure\n"},
		{"/blog.xml", probes.Options{"episodes": 0}, probes.OK, "", fed},
		{"/empty.xml", nil, probes.Failed, probes.FeedEmpty, strings.ReplaceAll(unparsed, "CODE", "feed_empty")},
		{"/empty.xml", probes.Options{"episodes": 0}, probes.Degraded, "", strings.Replace(fed, "parse", "parse ?feed_empty", 1)},
		{"/page.html", nil, probes.Failed, probes.FeedSyntax, strings.ReplaceAll(unparsed, "CODE", "feed_syntax")},
		{"/cut.xml", nil, probes.Failed, probes.FeedSyntax, strings.ReplaceAll(unparsed, "CODE", "feed_syntax")},
		{"/half.xml", nil, probes.Degraded, "", strings.Replace(fed, "parse", "parse ?feed_syntax", 1) + "  episode\n" + hop + "    decode\n"},
		{"/deep.xml", nil, probes.Failed, probes.FeedSyntax, strings.ReplaceAll(unparsed, "CODE", "feed_syntax")},
		{"/undated.xml", nil, probes.OK, "", fed + "  episode\n" + hop + "    decode\n"},
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
	for _, o := range []probes.Options{{"episodes": -1}, {"episodes": "two"}, {"max_bytes": 0}, {"episode": 1}} {
		if _, err := feed.New(nil, probes.Target{Options: o}); err == nil {
			t.Errorf("%v was taken", o)
		}
	}
}
