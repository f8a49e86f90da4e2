package feed

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/fnv"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/enclosure"
)

// What is kept of one item; everything is counted.
const (
	maxEnclosures = 100      // whose hosts are
	maxAlternates = 50       // with a checksum
	maxSources    = 20       // of one of these
	maxAddress    = 16 << 10 // bytes of a URL; servers take half
)

// An item is what is read of one: texts as they stand, and enclosures.
type item struct {
	depth                          int    // of its element
	live                           bool   // a podcast:liveItem, which is none of the episodes
	status                         string // of a live one: pending, live, ended
	guid, title                    string
	published, date, atomPublished string
	updated                        string
	enclosures                     int
	first                          enclosure.Stated // players take the first
	hosts                          []string         // of enclosures; "" for the feed's own
	media                          int              // media:content, which most players leave alone
	clip                           enclosure.Stated // the first of these that is played where there is no enclosure
	sources, integrities           int              // of alternateEnclosures
	alternates                     int
	sums                           []alternate // those with a checksum
	open                           *alternate  // the one whose element is open
}

// An alternate is a podcast:alternateEnclosure with a checksum.
type alternate struct {
	same      bool     // it says to be the enclosure's file
	sources   []uint64 // URLs, hashed
	integrity string   // as of Subresource Integrity, W3C
}

// field is where the text of an element below the item goes.
func (i *item) field(word string) *string {
	switch word {
	case "guid", "id":
		return &i.guid
	case "title":
		return &i.title
	case "pubdate", "published", "issued":
		return &i.published
	case "dc:date":
		return &i.date
	case "atom:published":
		return &i.atomPublished
	case "updated", "modified", "atom:updated":
		return &i.updated
	}
	return nil
}

// child notes what an element right below the item says by its attributes.
func (i *item) child(word string, attrs []xml.Attr) {
	switch word {
	case "enclosure":
		i.attach(attr(attrs, "url"), attr(attrs, "type"), attr(attrs, "length"))
	case "link":
		if strings.EqualFold(attr(attrs, "rel"), "enclosure") {
			i.attach(attr(attrs, "href"), attr(attrs, "type"), attr(attrs, "length"))
		}
	case "media:content":
		i.content(attrs)
	case "podcast:alternateenclosure":
		i.alternates++
		i.open = &alternate{same: attr(attrs, "default") == "true"}
	}
}

// grandchild notes what one further down says.
func (i *item) grandchild(parent, word string, attrs []xml.Attr) {
	switch {
	case parent == "media:group" && word == "media:content":
		i.content(attrs)
	case word == "podcast:source" && i.open != nil:
		i.sources++
		if len(i.open.sources) < maxSources {
			i.open.sources = append(i.open.sources, hashOf(attr(attrs, "uri")))
		}
	case word == "podcast:integrity" && i.open != nil:
		i.integrities++
		if value := attr(attrs, "value"); attr(attrs, "type") == "sri" && len(value) < maxField {
			i.open.integrity = cmp.Or(i.open.integrity, value)
		}
	}
}

// alternated ends the alternateEnclosure that is open.
func (i *item) alternated() {
	if i.open.integrity != "" && len(i.sums) < maxAlternates {
		i.sums = append(i.sums, *i.open)
	}
	i.open = nil
}

func (i *item) attach(address, typ, length string) {
	i.enclosures++
	if address == "" {
		return
	}
	if i.first.URL == "" {
		i.first = stated(address, typ, length)
	}
	if len(i.hosts) == maxEnclosures {
		return
	}
	if host, err := hostOf(address); err == nil {
		i.hosts = append(i.hosts, host)
	}
}

// content notes a media:content (Media RSS 1.5.1). It is counted apart from
// enclosures, as most readers do, and played where an item has no enclosure, as
// AntennaPod does, if it says to be audio or video.
func (i *item) content(attrs []xml.Attr) {
	i.media++
	address, typ, medium := attr(attrs, "url"), attr(attrs, "type"), attr(attrs, "medium")
	playable := strings.HasPrefix(typ, "audio/") || strings.HasPrefix(typ, "video/") || typ == "" && (medium == "audio" || medium == "video")
	if i.clip.URL == "" && playable {
		i.clip = stated(address, typ, attr(attrs, "fileSize"))
	}
}

func stated(address, typ, length string) enclosure.Stated {
	n, _ := strconv.ParseInt(length, 10, 64)
	return enclosure.Stated{URL: address[:min(len(address), maxAddress)], Type: clip(typ), Length: n}
}

// main is what of the item is played, the URL "" for nothing.
func (i *item) main() enclosure.Stated {
	if i.first.URL == "" {
		return i.clip
	}
	return i.first
}

// integrity is the checksum that the item states for its enclosure: that of the
// alternateEnclosure at the same URL, else of one that says to be the same file
// (podcast namespace, attribute default); "" for none.
func (i *item) integrity() (sri string) {
	at := hashOf(i.main().URL)
	for _, a := range i.sums {
		for _, source := range a.sources {
			if source == at {
				return a.integrity
			}
		}
		if a.same {
			sri = cmp.Or(sri, a.integrity)
		}
	}
	return sri
}

// dated is when the item was published, zero where no date of it can be read.
func (i *item) dated() time.Time {
	for _, text := range []string{i.published, i.date, i.atomPublished, i.updated} {
		if t := probes.ParseDate(text); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// key tells the item from others of the feed.
func (i *item) key() uint64 { return hashOf(cmp.Or(i.guid, i.main().URL, i.title)) }

func hashOf(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}

// relative stands for the feed's own URL, which is known only in the end where
// redirects lead to it.
var relative = &url.URL{Scheme: "https", Host: "relative.invalid", Path: "/"}

// maxHost is how long a host's name may be (RFC 1035 §2.3.4).
const maxHost = 253

// hostOf is the host that an enclosure's URL names, "" for the feed's own. An
// error says why nobody can ask for it.
func hostOf(raw string) (string, error) {
	u, err := address(relative, raw[:min(len(raw), maxAddress)])
	switch {
	case err != nil:
		return "", err
	case u.Host == relative.Host:
		return "", nil
	}
	return u.Hostname(), nil
}

// address is what an enclosure's URL leads to from base.
func address(base *url.URL, raw string) (*url.URL, error) {
	u, err := base.Parse(raw)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	if n := len(u.Hostname()); n > maxHost {
		return nil, fmt.Errorf("a host's name of %d bytes", n)
	}
	return u, wire.Normalize(u)
}
