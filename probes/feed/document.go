package feed

import (
	"cmp"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/enclosure"
)

// A document is what a feed says, as far as a listener is concerned. It is
// small, and it isn't changed once it is read.
type document struct {
	host        string
	format      string // rss 2.0, atom 1.0, …
	title       string
	publisher   string
	guid        string // podcast:guid
	self        string // where the feed says to be (RFC 4287 §4.2.7.2)
	mended      string // what was wrong with it and could be read nonetheless
	items       int
	enclosures  int
	media       int // media:content
	alternates  int // podcast:alternateEnclosure,
	sources     int // podcast:source in these
	integrities int // and podcast:integrity
	lives       []string
	hosts       []string    // "host=enclosures", the commonest
	newest      time.Time   // date of an item, zero where none has one
	ahead       []time.Time // dates that were still to come
	episodes    []episode   // the newest, newest first
	sample      sample
}

// tolerance is how far ahead an item may be dated and still count as published:
// feeds get time zones wrong.
const tolerance = 24 * time.Hour

// newestAt is the newest item's date, but for items that are dated later than
// now: these don't show that publishing works.
func (d *document) newestAt(now time.Time) time.Time {
	newest := d.newest
	for _, t := range d.ahead {
		if t.After(newest) && !t.After(now.Add(tolerance)) {
			newest = t
		}
	}
	return newest
}

// note records what the document says.
func (d *document) note(s *probes.Step, now time.Time) {
	s.Set(probes.AttrFeedItems, d.items)
	s.Set(probes.AttrFeedEnclosures, d.enclosures)
	s.Set(probes.AttrFeedFormat, d.format)
	s.Set(probes.AttrFeedTitle, d.title)
	s.Set(probes.AttrFeedPublisher, d.publisher)
	s.Set(probes.AttrFeedGUID, d.guid)
	s.Set(probes.AttrFeedHosts, d.hosts)
	s.Set(probes.AttrFeedLive, d.lives)
	if newest := d.newestAt(now); !newest.IsZero() {
		s.Set(probes.AttrFeedNewest, newest.UTC().Format(time.RFC3339))
	}
	for key, n := range map[string]int{
		probes.AttrFeedMedia: d.media, probes.AttrFeedAlternates: d.alternates, probes.AttrFeedSources: d.sources, probes.AttrFeedSums: d.integrities,
	} {
		if n > 0 {
			s.Set(key, n)
		}
	}
}

// person is the name in texts such as "me@example.com (My Name)".
func person(text string) string {
	if a, err := mail.ParseAddress(text); err == nil && a.Name != "" {
		return a.Name
	}
	_, rest, _ := strings.Cut(text, "(")
	name, _, _ := strings.Cut(rest, ")")
	return cmp.Or(name, text)
}

// An episode is one item's enclosure.
type episode struct {
	guid, title string
	published   time.Time
	host        string // the feed's where unfit
	stated      enclosure.Stated
	unfit       error // why the enclosure can't be asked for
}

// from is the episode of a feed at base, in memory of its own.
func (e episode) from(base *url.URL) episode {
	u, err := address(base, e.stated.URL)
	e.host, e.unfit = base.Hostname(), err
	if err == nil {
		e.host, e.stated.URL = u.Hostname(), u.String()
	}
	e.guid, e.title = strings.Clone(e.guid), strings.Clone(e.title)
	return e
}

// clip bounds what a stranger may write into a record.
func clip(text string) string {
	return strings.Clone(strings.ToValidUTF8(probes.Clip(text, 300), ""))
}
