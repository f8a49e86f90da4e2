package feed

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/enclosure"
)

// A document is what a feed says, as far as a listener is concerned.
type document struct {
	host             string
	format           string // rss 2.0, atom 1.0, …
	title, publisher string
	guid             string // podcast:guid
	mended           string // what was wrong with it and could be read nonetheless
	items            int
	enclosures       int
	hosts            map[string]int // enclosures by host
	episodes         []episode      // items with an enclosure, in document order
}

// An episode is one item's enclosure.
type episode struct {
	guid, title string
	published   time.Time
	host        string // of its enclosure; the feed's where that has none
	unfit       error  // why its enclosure can't be asked for, nil where it can
	stated      enclosure.Stated
}

// read parses a feed as tolerantly as players do: RSS, Atom or JSON. Relative
// enclosures resolve against base.
func read(body []byte, base *url.URL) (*document, error) {
	text, mended := decode(body)
	if err := shallow(text); err != nil {
		return nil, err
	}
	parsed, err := gofeed.NewParser().Parse(bytes.NewReader(text))
	if errors.Is(err, gofeed.ErrFeedTypeNotDetected) {
		return nil, fmt.Errorf("neither RSS nor Atom; it begins with %q", clip(string(head(text))))
	}
	if err != nil {
		if parsed = salvage(text); parsed == nil {
			return nil, err
		}
		mended = fmt.Sprintf("%v; read up to there, %d items", err, len(parsed.Items))
	}
	d := &document{
		host:      base.Hostname(),
		format:    strings.TrimSpace(parsed.FeedType + " " + parsed.FeedVersion),
		title:     clip(parsed.Title),
		publisher: clip(publisher(parsed)),
		guid:      clip(podcastGUID(parsed)),
		items:     len(parsed.Items),
		mended:    mended,
		hosts:     map[string]int{},
	}
	for _, item := range parsed.Items {
		d.add(item, base)
	}
	return d, nil
}

// salvage reads what a feed that breaks off or goes wrong has before that
// place; nil where it has no item there.
func salvage(text []byte) *gofeed.Feed {
	good := whole(text)
	if good == nil {
		return nil
	}
	parsed, err := gofeed.NewParser().Parse(bytes.NewReader(good))
	if err != nil || len(parsed.Items) == 0 {
		return nil
	}
	return parsed
}

func head(body []byte) []byte {
	body = bytes.TrimSpace(body)
	return body[:min(len(body), 60)]
}

func publisher(f *gofeed.Feed) string {
	if f.ITunesExt != nil && f.ITunesExt.Author != "" {
		return f.ITunesExt.Author
	}
	if len(f.Authors) > 0 && f.Authors[0] != nil {
		return f.Authors[0].Name
	}
	return ""
}

func podcastGUID(f *gofeed.Feed) string {
	for _, e := range f.Extensions["podcast"]["guid"] {
		return strings.TrimSpace(e.Value)
	}
	return ""
}

func (d *document) add(item *gofeed.Item, base *url.URL) {
	first := true
	for _, e := range item.Enclosures {
		if e == nil || strings.TrimSpace(e.URL) == "" {
			continue
		}
		x := newEpisode(item, e, base)
		d.enclosures++
		if x.unfit == nil {
			d.hosts[x.host]++
		}
		if first { // players take the first
			d.episodes = append(d.episodes, x)
			first = false
		}
	}
}

func newEpisode(item *gofeed.Item, e *gofeed.Enclosure, base *url.URL) episode {
	length, _ := strconv.ParseInt(strings.TrimSpace(e.Length), 10, 64)
	x := episode{
		guid: clip(item.GUID), title: clip(item.Title), host: base.Hostname(),
		stated: enclosure.Stated{URL: strings.TrimSpace(e.URL), Type: e.Type, Length: length},
	}
	if u, err := base.Parse(x.stated.URL); err != nil {
		x.unfit = errors.New("not a URL")
	} else if x.unfit = wire.Normalize(u); x.unfit == nil {
		x.host, x.stated.URL = u.Hostname(), u.String()
	}
	if at := cmp.Or(item.PublishedParsed, item.UpdatedParsed); at != nil {
		x.published = *at
	}
	return x
}

// newest returns n episodes by date; in document order, which is newest first
// by custom, where any has no date.
func (d *document) newest(n int) []episode {
	list := slices.Clone(d.episodes)
	if !slices.ContainsFunc(list, func(e episode) bool { return e.published.IsZero() }) {
		slices.SortStableFunc(list, func(a, b episode) int { return b.published.Compare(a.published) })
	}
	return list[:min(n, len(list))]
}

// note records what the document says.
func (d *document) note(s *probes.Step) {
	s.Set(probes.AttrFeedItems, d.items)
	s.Set(probes.AttrFeedEnclosures, d.enclosures)
	s.Set(probes.AttrFeedFormat, d.format)
	s.Set(probes.AttrFeedTitle, d.title)
	s.Set(probes.AttrFeedPublisher, d.publisher)
	s.Set(probes.AttrFeedGUID, d.guid)
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
