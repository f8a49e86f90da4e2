package drill

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Paths of the two feeds.
const (
	CastlePath  = "/nights.xml"
	HarbourPath = "/talk.xml"
)

// A show is a podcast.
type show struct {
	slug, title, author string
	feedHost, path      string
	mediaHost           string
	prefixed            bool // enclosures lead through analytics and ad insertion
	titles              []string
}

var shows = []show{
	{
		"nights", "Castle Nights", "Castle Radio", CastleFeeds, CastlePath, CastleCDN, true,
		[]string{"The cellar", "The moat", "The tower"},
	},
	{
		"talk", "Harbour Talk", "Harbour Sound", HarbourFeeds, HarbourPath, HarbourMedia, false,
		[]string{"Night ferry", "The pilot", "Low water"},
	},
}

const episodeLength = time.Minute

// build makes all content; items are some days old at now.
func (w *World) build(now time.Time) {
	w.sites = map[string]http.Handler{
		Prefix:      http.HandlerFunc(countDownload),
		AdInsertion: http.HandlerFunc(w.insertAds),
	}
	for i, s := range shows {
		media := site{}
		rss := w.rss(s, now)
		for n, title := range s.titles {
			f := file{"audio/mpeg", mp3(title, 6+4*i+2*n, episodeLength), now.Add(-day)}
			media[s.file(n)] = f
			rss.Channel.Items = append(rss.Channel.Items, w.item(s, n, len(f.body), now))
		}
		w.sites[s.mediaHost] = media
		w.sites[s.feedHost] = site{
			s.path:     {"application/rss+xml; charset=utf-8", marshal(rss), now},
			"/art.png": {"image/png", picture(300), now},
			"/":        {"text/html; charset=utf-8", fmt.Appendf(nil, "<!doctype html><title>%s</title><h1>%[1]s</h1>\n", s.title), now},
		}
	}
	w.buildShop(now)
}

// file is the path of the n-th newest episode.
func (s show) file(n int) string { return fmt.Sprintf("/%s/%d.mp3", s.slug, len(s.titles)-n) }

// enclosure is the URL of the n-th newest episode as the feed has it.
func (w *World) enclosure(s show, n int) string {
	if !s.prefixed {
		return w.URL(s.mediaHost, s.file(n))
	}
	return w.URL(Prefix, "/redirect.mp3/"+w.authority(AdInsertion)+s.file(n))
}

// Enclosure returns the URL of the newest episode of the castle's show.
func (w *World) Enclosure() string { return w.enclosure(shows[0], 0) }

// countDownload is an analytics prefix: the rest of its path is where to go.
func countDownload(rw http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/redirect.mp3/")
	if !ok {
		http.NotFound(rw, r)
		return
	}
	http.Redirect(rw, r, "https://"+rest, http.StatusFound)
}

// insertAds leads to the CDN with a session of its own in the query, as ad
// insertion does.
func (w *World) insertAds(rw http.ResponseWriter, r *http.Request) {
	to := w.URL(CastleCDN, r.URL.Path) + "?session=" + fmt.Sprintf("%x", time.Now().UnixNano())
	rw.Header().Set("Cache-Control", "no-store")
	http.Redirect(rw, r, to, http.StatusFound)
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

func (w *World) rss(s show, now time.Time) rss {
	return rss{
		Version: "2.0", Itunes: "http://www.itunes.com/dtds/podcast-1.0.dtd", Atom: "http://www.w3.org/2005/Atom",
		Channel: channel{
			Title: s.title, Link: w.URL(s.feedHost, "/"), Description: s.title + ", a show of a simulated world.",
			Self:     link{w.URL(s.feedHost, s.path), "self", "application/rss+xml"},
			Language: "en", Author: s.author, Type: "episodic", Explicit: "false",
			Image: href{w.URL(s.feedHost, "/art.png")}, Category: category{"Arts"},
		},
	}
}

func (w *World) item(s show, n, size int, now time.Time) item {
	number := len(s.titles) - n
	return item{
		Title: s.titles[n], Description: s.titles[n] + ".",
		GUID:     guid{false, fmt.Sprintf("urn:drill:%s:%d", s.slug, number)},
		PubDate:  now.Add(-time.Duration(7*n+1) * day).UTC().Format(time.RFC1123Z),
		Duration: int(episodeLength.Seconds()), Episode: number, Explicit: "false",
		Enclosure: enclosure{w.enclosure(s, n), size, "audio/mpeg"},
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
