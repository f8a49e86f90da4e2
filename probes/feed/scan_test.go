package feed

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// However deep its tags are hidden, a feed is read within bounds.
func TestDepth(t *testing.T) {
	for _, open := range []string{"<x:a>", `<x:a b="/>">`, "<x:a><?p ></z>?>", `<x:a><!d "></z>">`, "<x:a><!--</z>-->", "<x:a><![CDATA[</z>]]>"} {
		deep := func(n int) []byte {
			return []byte("<rss><channel><item></item><item>" + strings.Repeat(open, n) + strings.Repeat("</x:a>", n) + "</item></channel></rss>")
		}
		d, err := read(deep(maxDepth+10), base)
		if err == nil && !strings.Contains(d.mended, "nested more than") {
			t.Errorf("%q %d deep was read: %+v, %v", open, maxDepth+10, d, err)
		}
	}
	fine := "<rss><channel><item>" + strings.Repeat("<x:a>", maxDepth-10) + strings.Repeat("</x:a>", maxDepth-10) + "</item></channel></rss>"
	if d, err := read([]byte(strings.ReplaceAll(fine, "x:", "")), base); err != nil || d.mended != "" {
		t.Errorf("got %+v, %v", d, err)
	}
}

// What elements take while they are open is bounded, and given back as they
// end: encoding/xml keeps their names and every namespace that they declare.
func TestOpenElements(t *testing.T) {
	spaces := "<a " + many(1000, `xmlns:n%d="b" `) + ">"
	long := "<" + strings.Repeat("A", 100<<10) + ">"
	far := `<a xmlns:n="` + strings.Repeat("b", 100<<10) + `">`
	for name, c := range map[string]struct{ open, end string }{
		"namespaces": {spaces, "</a>"}, "long names": {long, "</" + long[1:]}, "long namespaces": {far, "</a>"},
	} {
		const n = 100
		nested := "<rss><channel><item></item>" + strings.Repeat(c.open, n) + strings.Repeat(c.end, n) + "</channel></rss>"
		if d, err := read([]byte(nested), base); err != nil || !strings.Contains(d.mended, "open elements take more than") {
			t.Errorf("%s, nested: got %+v, %v", name, d, err)
		}
		beside := "<rss><channel><item></item>" + strings.Repeat(c.open+c.end, n) + "</channel></rss>"
		if d, err := read([]byte(beside), base); err != nil || d.mended != "" {
			t.Errorf("%s, side by side: got %+v, %v", name, d, err)
		}
	}
}

// What is kept of a feed is little whatever its size; what would take a square
// of that, or the stack, would not come to an end here.
func TestHostileFeedsAreCheap(t *testing.T) {
	const size = 1 << 20
	fill := func(part string) string { return strings.Repeat(part, size/len(part)) }
	for name, text := range map[string]string{
		"empty items":     "<rss><channel>" + fill("<item/>"),
		"episodes":        "<rss><channel>" + fill(`<item><enclosure url="a"/></item>`),
		"text in pieces":  "<rss><channel><title>" + fill("x<!---->"),
		"attributes":      "<rss><channel><item/><item " + fill("a ") + ">",
		"one text":        "<rss><channel><title>" + fill("x"),
		"enclosures":      "<rss><channel><item>" + fill(`<enclosure url="a"/>`) + "</item>",
		"hosts":           "<rss><channel>" + many(size/60, `<item><enclosure url="https://h%d.example/"/></item>`),
		"JSON objects":    `{"version":"1","items":[` + fill("{},") + "{}]}",
		"JSON, one text":  `{"version":"1","title":"` + fill("x") + `"}`,
		"JSON, nested":    `{"a":` + fill("["),
		"namespaces":      "<rss " + many(size/200, `xmlns:a%d="b" `) + "><channel>" + fill("<a0:x/>"),
		"namespaces, new": "<rss><channel>" + fill(`<x xmlns:a="b">`),
	} {
		body := []byte(text)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		d, _ := read(body, base)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 4<<20 {
			t.Errorf("%s: %d KiB are kept", name, kept>>10)
		}
		runtime.KeepAlive(d)
	}
}

// A member's name is no longer than a value may be.
func TestLongJSON(t *testing.T) {
	for _, body := range []string{`{"` + strings.Repeat("k", 2*maxText), `{"version":"1","` + strings.Repeat("k", 2*maxText)} {
		if _, err := read([]byte(body), base); err == nil || !strings.Contains(err.Error(), "a value has more than") {
			t.Errorf("got %v", err)
		}
	}
}

// Feeds of no end of items are read as far as a hundred thousand.
func TestTooManyItems(t *testing.T) {
	for _, body := range []string{"<rss>" + strings.Repeat("<item/>", maxItems+5), `{"items":[` + strings.Repeat("{},", maxItems+5) + "{}]}"} {
		if d, err := read([]byte(body), base); err != nil || d.items != maxItems || !strings.Contains(d.mended, "more than 100000 items") {
			t.Errorf("got %+v, %v", d, err)
		}
	}
}

// One item may have any number of enclosures; few are kept.
func TestManyEnclosures(t *testing.T) {
	body := "<rss><item><guid>1</guid>" + many(10_000, `<enclosure url="https://h%d.example/a.mp3"/>`) + "</item></rss>"
	d, err := read([]byte(body), base)
	if err != nil || d.enclosures != 10_000 || len(d.episodes) != 1 || d.episodes[0].host != "h0.example" || len(d.hosts) != 20 {
		t.Errorf("got %+v, %v", d, err)
	}
}

func many(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// The newest are found among more items than are kept, and in document order
// where one has no date.
func TestNewestOfMany(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var items []string
	for i := range 5 * maxEpisodes {
		day := (i*7919 + 13) % (5 * maxEpisodes)
		date := begin.AddDate(0, 0, day).Format(time.RFC1123Z)
		items = append(items, fmt.Sprintf(`<item><guid>%d</guid><pubDate>%s</pubDate><enclosure url="%d.mp3"/></item>`, day, date, day))
	}
	feed := "<rss><channel>" + strings.Join(items, "") + "</channel></rss>"
	d, err := read([]byte(feed), base)
	if err != nil || d.items != 5*maxEpisodes || d.enclosures != 5*maxEpisodes {
		t.Fatalf("got %+v, %v", d, err)
	}
	for i, e := range d.episodes[:3] {
		if want := fmt.Sprint(5*maxEpisodes - 1 - i); e.guid != want {
			t.Errorf("newest %d is %s, want %s", i, e.guid, want)
		}
	}
	if n := len(d.episodes); n != maxEpisodes {
		t.Errorf("got %d episodes", n)
	}
	undated := strings.Replace(feed, "</channel>", `<item><guid>x</guid><enclosure url="x.mp3"/></item></channel>`, 1)
	if d, err = read([]byte(undated), base); err != nil || d.episodes[0].guid != "13" {
		t.Errorf("got %v, %v", d.episodes[0], err)
	}
}

func TestFormats(t *testing.T) {
	for body, want := range map[string]string{
		`<rss version="0.91"><channel><title>T</title><managingEditor>me@h.example (Me)</managingEditor></channel></rss>`:                                              "rss 0.91 T Me",
		`<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel><title>T</title></channel><item/></rdf:RDF>`:       "rss 1.0 T ",
		`<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><author><name>Me</name></author><entry/></feed>`:                                                    "atom 1.0 T Me",
		`<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:title>T</a:title></a:feed>`:                                                                                  "atom 1.0 T ",
		`<RSS xmlns="http://made.up/"><Channel><Title>T</Title><image><title>I</title></image></Channel></RSS>`:                                                        "rss T ",
		`<rss version="2.0" xmlns:i="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel><i:title>I</i:title><title>T</title><i:author>Me</i:author></channel></rss>`: "rss 2.0 T Me",
		`{"version":"https://jsonfeed.org/version/1.1","title":"T","authors":[{"name":"Me"}],"items":[{"id":1,"attachments":[{"url":"a.mp3","size_in_bytes":5}]}]}`:    "json 1.1 T Me",
	} {
		d, err := read([]byte(body), base)
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if got := d.format + " " + d.title + " " + d.publisher; got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

// What a server answers in JSON in place of a feed is none.
func TestOtherJSON(t *testing.T) {
	for _, text := range []string{`{"error":"not found"}`, `{}`} {
		if _, err := parse(strings.NewReader(text), "", time.Now()); err == nil || !strings.Contains(err.Error(), "nor a JSON feed") {
			t.Errorf("%s: got %v", text, err)
		}
	}
	if d, err := parse(strings.NewReader(`{"version":"https://jsonfeed.org/version/1.1"}`), "", time.Now()); err != nil || d.items != 0 {
		t.Errorf("a feed without items: got %v", err)
	}
}
