package feed

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/enclosure"
)

// A document is what a feed says, as far as a listener is concerned.
type document struct {
	base       *url.URL
	host       string
	format     string // rss 2.0, atom 1.0, …
	title      string
	publishers [4]string // those named in several ways, the best first
	guid       string    // podcast:guid
	mended     string    // what was wrong with it and could be read nonetheless
	items      int
	enclosures int
	hosts      map[string]int // enclosures by host
	undated    bool           // an episode has no date
	first      []episode      // items with an enclosure, in document order
	latest     []episode      // and those with the newest dates, in no order
}

// maxHosts bounds the hosts that are counted.
const maxHosts = 10_000

// An episode is one item's enclosure.
type episode struct {
	guid, title string
	published   time.Time
	host        string // the feed's where unfit
	stated      enclosure.Stated
	unfit       error // why the enclosure can't be asked for
}

// read parses a feed as tolerantly as players do: RSS, Atom or JSON. Relative
// enclosures resolve against base.
func read(body []byte, base *url.URL) (*document, error) {
	text, guess := decode(body)
	d := &document{base: base, host: base.Hostname(), mended: guess, hosts: map[string]int{}}
	var err error
	switch begin := head(text); {
	case bytes.HasPrefix(begin, []byte("{")):
		err = readJSON(text, d)
	case bytes.HasPrefix(begin, []byte("<")):
		err = scan(text, d)
	default:
		err = errNoFeed
	}
	switch {
	case errors.Is(err, errNoFeed):
		return nil, fmt.Errorf("neither RSS nor Atom; it begins with %q", clip(string(head(text))))
	case err != nil && d.items == 0:
		return nil, err
	case err != nil:
		d.mended = fmt.Sprintf("%v; read up to there, %d items", err, d.items)
	}
	return d, nil
}

func head(body []byte) []byte {
	body = bytes.TrimSpace(body)
	return body[:min(len(body), 60)]
}

// publisher is the best of those named.
func (d *document) publisher() string {
	return cmp.Or(d.publishers[0], person(cmp.Or(d.publishers[1:]...)))
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

// add counts an item and keeps it where it may be asked for.
func (d *document) add(i *item) {
	d.items++
	if i.enclosures == 0 {
		return
	}
	d.enclosures += i.enclosures
	for _, raw := range i.hosts {
		if u, err := address(d.base, raw); err == nil && (len(d.hosts) < maxHosts || d.hosts[u.Hostname()] > 0) {
			d.hosts[u.Hostname()]++
		}
	}
	e := i.episode(d.base)
	d.undated = d.undated || e.published.IsZero()
	if len(d.first) < maxEpisodes {
		d.first = append(d.first, e)
	}
	if d.latest = append(d.latest, e); len(d.latest) == 2*maxEpisodes {
		d.latest = slices.Clone(byDate(d.latest)[:maxEpisodes])
	}
}

func byDate(list []episode) []episode {
	slices.SortStableFunc(list, func(a, b episode) int { return b.published.Compare(a.published) })
	return list
}

// newest returns n episodes by date; in document order, which is newest first
// by custom, where any has no date. There are at most maxEpisodes.
func (d *document) newest(n int) []episode {
	list := d.first
	if !d.undated {
		list = byDate(slices.Clone(d.latest))
	}
	return list[:min(n, len(list), maxEpisodes)]
}

// note records what the document says.
func (d *document) note(s *probes.Step) {
	s.Set(probes.AttrFeedItems, d.items)
	s.Set(probes.AttrFeedEnclosures, d.enclosures)
	s.Set(probes.AttrFeedFormat, d.format)
	s.Set(probes.AttrFeedTitle, clip(d.title))
	s.Set(probes.AttrFeedPublisher, clip(d.publisher()))
	s.Set(probes.AttrFeedGUID, clip(d.guid))
	s.Set(probes.AttrFeedHosts, d.commonest(20))
}

// commonest lists hosts as "host=enclosures", the commonest first.
func (d *document) commonest(n int) []string {
	var hosts []string
	for h := range d.hosts {
		hosts = append(hosts, h)
	}
	slices.SortFunc(hosts, func(a, b string) int {
		return cmp.Or(d.hosts[b]-d.hosts[a], strings.Compare(a, b))
	})
	hosts = hosts[:min(n, len(hosts))]
	for i, h := range hosts {
		hosts[i] = fmt.Sprintf("%s=%d", h, d.hosts[h])
	}
	return hosts
}
