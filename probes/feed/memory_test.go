package feed

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

var noon = time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC)

// feedOf is a document of n items whose guids begin with key, with enclosures
// at place.
func feedOf(t *testing.T, title, head, key string, n int, place string) *document {
	t.Helper()
	text := `<rss xmlns:podcast="podcast" xmlns:atom="atom"><channel><title>` + title + "</title>" + head
	for i := range n {
		text += fmt.Sprintf(`<item><guid>%s-%d</guid><enclosure url="%s/%[2]d.mp3?t=%[4]d"/></item>`, key, i, place, time.Now().UnixNano())
	}
	d, err := read([]byte(text+"</channel></rss>"), base)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func guid(text string) string { return "<podcast:guid>" + text + "</podcast:guid>" }

func self(text string) string { return `<atom:link rel="self" href="` + text + `"/>` }

// What makes another show, and what is only a change of the one.
func TestDiffers(t *testing.T) {
	const cdn = "https://cdn.example"
	of := func(title, head, key string) *show { return feedOf(t, title, head, key, 5, cdn).show() }
	for name, c := range map[string]struct {
		a, b *show
		want bool
	}{
		"the same":                      {of("A", guid("1"), "a"), of("A", guid("1"), "a"), false},
		"another in everything":         {of("A", guid("1")+self("http://h/a"), "a"), of("B", guid("2")+self("http://h/b"), "b"), true},
		"another, without guid or self": {of("A", "", "a"), of("B", "", "b"), true},
		"another, one has a guid":       {of("A", guid("1"), "a"), of("B", "", "b"), true},
		"another of the same title":     {of("A", guid("1"), "a"), of("A", guid("2"), "b"), true},
		"renamed":                       {of("A", "", "a"), of("B", "", "a"), false},
		"another that numbers alike":    {of("A", guid("1"), "a"), of("B", guid("2"), "a"), true},
		"a new guid":                    {of("A", guid("1"), "a"), of("A", guid("2"), "a"), false},
		"renamed, of one guid":          {of("A", guid("1"), "a"), of("B", guid("1"), "a"), false},
		"all items new":                 {of("A", "", "a"), of("A", "", "b"), false},
		"a new season, renamed":         {of("A", guid("1"), "a"), of("B", guid("1"), "b"), false},
		"renamed, the same address":     {of("A", self("http://h/a"), "a"), of("B", self("https://h/a/"), "b"), false},
		"no items":                      {of("A", "", "a"), feedOf(t, "B", "", "b", 0, cdn).show(), false},
	} {
		if got := c.a.differs(c.b); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
		if got := c.b.differs(c.a); got != c.want {
			t.Errorf("%s, the other way: got %v", name, got)
		}
	}
}

func codes(found []probes.Finding) (text string) {
	for _, f := range found {
		text += string(f.Code) + " "
	}
	return strings.TrimSpace(text)
}

// Another show is reported for as long as it is served, but not for ever.
func TestIdentityOverTime(t *testing.T) {
	ours, theirs, third := feedOf(t, "Ours", "", "a", 5, "https://c.example"), feedOf(t, "Theirs", "", "b", 5, "https://c.example"), feedOf(t, "Third", "", "c", 5, "https://c.example")
	var m memory
	for _, c := range []struct {
		after time.Duration
		doc   *document
		want  string
	}{
		{0, ours, ""},
		{time.Minute, theirs, "feed_identity"},
		{2 * time.Minute, theirs, "feed_identity"},
		{3 * time.Minute, ours, ""},
		{4 * time.Minute, theirs, "feed_identity"}, // again, from the start
		{12 * time.Hour, third, "feed_identity"},   // a cache that mixes up feeds
		{25 * time.Hour, third, "feed_identity"},
		{37 * time.Hour, third, ""}, // meant
		{38 * time.Hour, ours, "feed_identity"},
	} {
		if got := codes(m.judge(c.doc, noon.Add(c.after))); got != c.want {
			t.Errorf("%s after %s: got %q, want %q", c.doc.title, c.after, got, c.want)
		}
	}
	found := m.judge(ours, noon.Add(38*time.Hour))[0]
	if found.Host != "feeds.example" || !strings.Contains(found.Detail, `"Ours"; it was "Third"`) {
		t.Errorf("got %+v", found)
	}
}

func TestMoved(t *testing.T) {
	doc := func(n int, place string) *document { return feedOf(t, "A", "", "a", n, place) }
	for name, c := range map[string]struct {
		a, b *document
		want string
	}{
		"nothing":             {doc(5, "https://c.example/x"), doc(5, "https://c.example/x"), ""},
		"the path":            {doc(5, "https://c.example/x"), doc(5, "https://c.example/token/y"), ""},
		"to https":            {doc(5, "http://c.example/x"), doc(5, "https://c.example/x"), ""},
		"the host":            {doc(5, "https://c.example/x"), doc(6, "https://d.example/x"), "5 of 5 known items have moved, from c.example to d.example"},
		"a prefix removed":    {doc(5, "https://op.example/e/c.example/x"), doc(5, "https://c.example/x"), "from op.example → c.example to c.example"},
		"one amid others":     {doc(5, "https://p.example/redirect.mp3/q.example/c.example"), doc(5, "https://p.example/redirect.mp3/c.example"), "from p.example → q.example → c.example to p.example → c.example"},
		"too few to tell":     {doc(2, "https://c.example/x"), doc(9, "https://d.example/x"), ""},
		"from the feed's own": {doc(5, "/x"), doc(5, "https://d.example/x"), "from the feed's host to d.example"},
	} {
		m, ok := moved(c.a.sample, c.b.sample)
		if ok != (c.want != "") || !strings.Contains(m.String(), c.want) {
			t.Errorf("%s: got %v, %v, want %q", name, m, ok, c.want)
		}
	}
}

// A move is reported for an hour, and once.
func TestMovedOverTime(t *testing.T) {
	var m memory
	for _, c := range []struct {
		after time.Duration
		place string
		want  string
	}{
		{0, "https://a.example", ""},
		{time.Minute, "https://b.example", "enclosure_moved"},
		{59 * time.Minute, "https://b.example", "enclosure_moved"},
		{62 * time.Minute, "https://b.example", ""},
		{63 * time.Minute, "/own", "enclosure_moved"},
	} {
		if got := codes(m.judge(feedOf(t, "A", "", "a", 5, c.place), noon.Add(c.after))); got != c.want {
			t.Errorf("%s: got %q, want %q", c.after, got, c.want)
		}
	}
	if found := m.judge(feedOf(t, "A", "", "a", 5, "/own"), noon.Add(64*time.Minute)); found[0].Host != "feeds.example" {
		t.Errorf("got %+v", found)
	}
}

// A server that always answers 304 is asked for the whole feed now and then.
func TestRecall(t *testing.T) {
	at, _ := url.Parse("https://feeds.example/")
	res := &wire.Response{URL: at, Complete: true, Header: http.Header{"Etag": {`"1"`}}}
	doc := &document{}
	var m memory
	if since, before := m.recall(noon); since != (wire.Validators{}) || before != nil {
		t.Errorf("an empty memory has %v, %v", since, before)
	}
	m.learn(doc, sum{1}, res, noon)
	for range maxSpared {
		if since, before := m.recall(noon); since.ETag != `"1"` || before != doc {
			t.Fatalf("got %v, %v", since, before)
		}
		m.spare()
	}
	if since, _ := m.recall(noon); since.ETag != "" {
		t.Error("it is believed for ever")
	}
	m.learn(doc, sum{1}, res, noon)
	if since, _ := m.recall(noon.Add(trustFor)); since.ETag != "" {
		t.Error("it is believed for too long")
	}
	res.Complete = false
	m.learn(doc, sum{1}, res, noon)
	if since, _ := m.recall(noon); since.ETag != "" {
		t.Error("half a feed has validators")
	}
	res.Complete, res.Header = true, http.Header{"Etag": {strings.Repeat("x", 2000)}, "Last-Modified": {"yesterday"}}
	m.learn(doc, sum{1}, res, noon)
	if since, _ := m.recall(noon); since != (wire.Validators{LastModified: "yesterday"}) {
		t.Errorf("got %v", since)
	}
	m.learn(nil, sum{2}, res, noon)
	if since, before := m.recall(noon); since != (wire.Validators{}) || before != nil || m.same(sum{1}, at.String()) != nil {
		t.Error("what can't be read is remembered")
	}
}

// Dates far ahead don't show that publishing works, until they have come.
func TestNewest(t *testing.T) {
	r := &reading{now: noon}
	for _, days := range []int{-3, -1, -2, 5, 9, 400} {
		r.addDate(noon.AddDate(0, 0, days))
	}
	d := r.from(base, 1)
	for days, want := range map[int]int{0: -1, 3: -1, 4: 5, 5: 5, 8: 9, 100: 9, 500: 400} {
		if got := d.newestAt(noon.AddDate(0, 0, days)); !got.Equal(noon.AddDate(0, 0, want)) {
			t.Errorf("after %d days: got %v, want day %d", days, got, want)
		}
	}
	for range 3 * maxAhead {
		r.addDate(noon.AddDate(1, 0, 0))
	}
	if len(r.ahead) > 2*maxAhead {
		t.Errorf("%d dates are kept", len(r.ahead))
	}
}

// What is remembered of a feed is little: an agent has thousands of them.
func TestRememberedIsLittle(t *testing.T) {
	const feeds = 20
	body := large(500_000)
	memories := make([]memory, feeds)
	if _, err := parse(bytes.NewReader(body), "", noon); err != nil { // what parsing keeps for the next time
		t.Fatal(err)
	}
	before := held()
	for i := range memories {
		r, err := parse(bytes.NewReader(body), "", noon)
		if err != nil {
			t.Fatal(err)
		}
		m, d := &memories[i], r.from(base, 1)
		m.learn(d, sum{1}, &wire.Response{URL: base}, noon)
		m.judge(d, noon)
	}
	if each := (held() - before) / feeds; each > 6<<10 {
		t.Errorf("%d bytes are kept of each feed", each)
	} else {
		t.Logf("%d bytes are kept of each feed", each)
	}
	runtime.KeepAlive(memories)
	runtime.KeepAlive(body)
}

// held is how many bytes the heap holds, without what pools let go of: they do
// so at the second collection.
func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
