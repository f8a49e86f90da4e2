package feed

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What is kept of a feed while it is read, whatever its size.
const (
	maxItems = 100_000 // an empty one takes a few bytes to send, and a microsecond to read
	maxHosts = 10_000  // whose enclosures are counted
	maxAhead = 100     // dates that are still to come
)

// A reading is a document while it is read, before it is known where it came
// from.
type reading struct {
	document
	publishers [4]string      // those named in several ways, the best first
	counts     map[string]int // enclosures by host, "" is the feed's own
	live       map[string]int // liveItems by status
	added      int            // items, live ones too
	undated    bool           // an episode has no date
	first      []episode      // items that can be played, in document order
	latest     []episode      // and those with the newest dates, in no order
	now        time.Time
}

// parse reads a feed as tolerantly as players do: RSS, Atom or JSON. It keeps
// what was read before an error; that of a text without any item is returned.
// The charset is HTTP's, "" for none.
func parse(r io.Reader, charset string, now time.Time) (*reading, error) {
	src := newSource(r, charset)
	d := &reading{counts: map[string]int{}, live: map[string]int{}, now: now}
	begin := bytes.Clone(src.head())
	var err error
	if bytes.HasPrefix(begin, []byte("{")) {
		err = readJSON(src, d)
		src.drain()
		d.mended = src.mended("not clean UTF-8")
	} else {
		err = scan(src, d)
		d.mended = src.mended("not well-formed XML")
	}
	switch {
	case errors.Is(err, errNoFeed):
		return nil, fmt.Errorf("neither RSS nor Atom nor a JSON feed; it begins with %q", clip(string(begin)))
	case err != nil && d.items == 0:
		return nil, err
	case err != nil:
		d.mended = fmt.Sprintf("%v; read up to there, %s", err, counting(d.items, "item"))
	}
	return d, nil
}

// counting is n of what, such as "2 items".
func counting(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// add counts an item and keeps it where it may be asked for. An error says that
// there are too many.
func (d *reading) add(i *item) error {
	if d.added++; d.added > maxItems {
		return fmt.Errorf("more than %d items", maxItems)
	}
	d.media += i.media
	d.alternates += i.alternates
	d.sources += i.sources
	d.integrities += i.integrities
	if i.live {
		d.addLive(i.status)
		return nil
	}
	d.items++
	d.enclosures += i.enclosures
	for _, host := range i.hosts {
		if len(d.counts) < maxHosts || d.counts[host] > 0 {
			d.counts[host]++
		}
	}
	published := i.dated()
	d.addDate(published)
	d.sample.add(i)
	if i.main().URL != "" {
		d.addEpisode(i, published)
	}
	return nil
}

// addLive counts an item of the podcast namespace's liveItem, which has a
// stream or is announced, by its status.
func (d *reading) addLive(status string) {
	switch status = strings.ToLower(status); status {
	case "pending", "live", "ended":
	default:
		status = "other"
	}
	d.live[status]++
}

// addDate keeps what is needed to tell the newest date at any later time.
func (d *reading) addDate(t time.Time) {
	if t.After(d.now.Add(tolerance)) {
		if d.ahead = append(d.ahead, t); len(d.ahead) == 2*maxAhead {
			slices.SortFunc(d.ahead, time.Time.Compare)
			d.ahead = d.ahead[:maxAhead]
		}
		return
	}
	if t.After(d.newest) {
		d.newest = t
	}
}

func (d *reading) addEpisode(i *item, published time.Time) {
	e := episode{guid: clip(i.guid), title: clip(i.title), published: published, stated: i.main()}
	e.stated.Integrity = i.integrity()
	d.undated = d.undated || published.IsZero()
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

// from is the document, which came from base, with its n newest episodes by
// date; in document order, which is newest first by custom, where any has no
// date. There are at most maxEpisodes. Nothing else of the feed is kept.
func (d *reading) from(base *url.URL, n int) *document {
	list := d.first
	if !d.undated {
		list = byDate(d.latest)
	}
	doc := d.document
	doc.host = base.Hostname()
	for _, e := range list[:min(n, len(list), maxEpisodes)] {
		doc.episodes = append(doc.episodes, e.from(base))
	}
	doc.hosts = d.commonest(20, doc.host)
	doc.publisher = clip(cmp.Or(d.publishers[0], person(cmp.Or(d.publishers[1:]...))))
	doc.title, doc.guid, doc.self = clip(d.title), clip(d.guid), clip(d.self)
	doc.format, doc.mended = clip(d.format), clip(d.mended)
	for _, status := range []string{"live", "pending", "ended", "other"} {
		if n := d.live[status]; n > 0 {
			doc.lives = append(doc.lives, fmt.Sprintf("%s=%d", status, n))
		}
	}
	return &doc
}

// commonest lists hosts as "host=enclosures", the commonest first.
func (d *reading) commonest(n int, own string) []string {
	if relative := d.counts[""]; relative > 0 {
		d.counts[own] += relative
		delete(d.counts, "")
	}
	var hosts []string
	for h := range d.counts {
		hosts = append(hosts, h)
	}
	slices.SortFunc(hosts, func(a, b string) int {
		return cmp.Or(d.counts[b]-d.counts[a], strings.Compare(a, b))
	})
	hosts = slices.Clone(hosts[:min(n, len(hosts))])
	for i, h := range hosts {
		hosts[i] = fmt.Sprintf("%s=%d", h, d.counts[h])
	}
	return hosts
}
