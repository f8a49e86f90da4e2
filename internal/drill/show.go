package drill

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"time"
)

// A series is one show of those that a line of a scenario makes.
type series struct {
	Show
	slug  string
	sizes []int // bytes of the episodes, the newest first
}

// build makes all content; items are some days old at now.
func (w *World) build(now time.Time) {
	w.sites = map[string]site{}
	w.series = map[string][]*series{}
	for _, s := range w.scenario.Shows {
		for n := range max(1, s.Count) {
			w.series[s.Name] = append(w.series[s.Name], w.publish(s, n+1, now))
		}
	}
	for _, p := range w.scenario.Pages {
		w.buildPage(p, now)
	}
}

// publish makes the n-th of a number of alike shows.
func (w *World) publish(s Show, n int, now time.Time) *series {
	one := &series{Show: s, slug: s.Name}
	if s.Count > 0 {
		one.slug = fmt.Sprintf("%s-%d", s.Name, n)
		one.Title = fmt.Sprintf("%s %d", s.Title, n)
	}
	for e := range s.Episodes {
		f := file{contentType: "audio/mpeg", body: mp3(episodeTitle(s.Episodes-e), 2+2*((n+e)%8), time.Duration(s.Seconds)*time.Second), modified: now.Add(-day)}
		one.sizes = append(one.sizes, len(f.body))
		w.put(s.Media, one.file(e), f)
	}
	w.put(s.Feed, "/"+one.slug+".xml", file{contentType: "application/rss+xml; charset=utf-8", body: w.rss(one, s.Via), modified: now, feed: one})
	return one
}

func episodeTitle(number int) string { return fmt.Sprintf("Episode %d", number) }

// file is the path of the n-th newest episode.
func (s *series) file(n int) string { return fmt.Sprintf("/%s/%d.mp3", s.slug, s.Episodes-n) }

// feed is the document that is served as f at an edge now.
func (w *World) feed(f file, e edge) []byte {
	if mixed, ok := w.fault(FeedMixed, e); ok {
		one := w.series[mixed.Show][0]
		return w.rss(one, one.Via)
	}
	if moved, ok := w.fault(FeedEnclosures, e); ok && (moved.Show == "" || moved.Show == f.feed.Name) {
		return w.rss(f.feed, moved.Via)
	}
	return f.body
}

// Enclosure returns the URL of the newest episode of the first show.
func (w *World) Enclosure() string {
	one := w.series[w.scenario.Shows[0].Name][0]
	return w.through(one.Via, one.Media, one.file(0))
}

type rss struct {
	XMLName xml.Name `xml:"rss"`
	Version string   `xml:"version,attr"`
	Itunes  string   `xml:"xmlns:itunes,attr"`
	Atom    string   `xml:"xmlns:atom,attr"`
	Channel channel  `xml:"channel"`
}

type channel struct {
	Title       string   `xml:"title"`
	Link        string   `xml:"link"`
	Self        link     `xml:"atom:link"`
	Description string   `xml:"description"`
	Language    string   `xml:"language"`
	Author      string   `xml:"itunes:author"`
	Type        string   `xml:"itunes:type"`
	Explicit    string   `xml:"itunes:explicit"`
	Image       href     `xml:"itunes:image"`
	Category    category `xml:"itunes:category"`
	Items       []item   `xml:"item"`
}

type item struct {
	Title       string    `xml:"title"`
	Description string    `xml:"description"`
	GUID        guid      `xml:"guid"`
	PubDate     string    `xml:"pubDate"`
	Duration    int       `xml:"itunes:duration"`
	Episode     int       `xml:"itunes:episode"`
	Explicit    string    `xml:"itunes:explicit"`
	Enclosure   enclosure `xml:"enclosure"`
}

type link struct {
	Href string `xml:"href,attr"`
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
}

type href struct {
	Href string `xml:"href,attr"`
}

type category struct {
	Text string `xml:"text,attr"`
}

type guid struct {
	PermaLink bool   `xml:"isPermaLink,attr"`
	Text      string `xml:",chardata"`
}

type enclosure struct {
	URL    string `xml:"url,attr"`
	Length int    `xml:"length,attr"`
	Type   string `xml:"type,attr"`
}

// rss is the feed of s with enclosures that lead through via.
func (w *World) rss(s *series, via []string) []byte {
	doc := rss{
		Version: "2.0", Itunes: "http://www.itunes.com/dtds/podcast-1.0.dtd", Atom: "http://www.w3.org/2005/Atom",
		Channel: channel{
			Title: s.Title, Link: w.URL(s.Feed, "/"), Description: s.Title + ", a show of a simulated world.",
			Self:     link{w.URL(s.Feed, "/"+s.slug+".xml"), "self", "application/rss+xml"},
			Language: "en", Author: s.Author, Type: "episodic", Explicit: "false",
			Image: href{w.URL(s.Feed, "/art.png")}, Category: category{"Arts"},
		},
	}
	for n, size := range s.sizes {
		doc.Channel.Items = append(doc.Channel.Items, s.item(n, enclosure{w.through(via, s.Media, s.file(n)), size, "audio/mpeg"}, w.opened))
	}
	return marshal(doc)
}

func (s *series) item(n int, e enclosure, now time.Time) item {
	number := s.Episodes - n
	return item{
		Title: episodeTitle(number), Description: episodeTitle(number) + ".",
		GUID:     guid{false, fmt.Sprintf("urn:drill:%s:%d", s.slug, number)},
		PubDate:  now.Add(-time.Duration(7*n+1) * day).UTC().Format(time.RFC1123Z),
		Duration: s.Seconds, Episode: number, Explicit: "false", Enclosure: e,
	}
}

func marshal(v any) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	if err := e.Encode(v); err != nil {
		panic("drill: the feed can't be written: " + err.Error()) // its types are ours
	}
	b.WriteByte('\n')
	return b.Bytes()
}
