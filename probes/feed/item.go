package feed

import (
	"cmp"
	"encoding/xml"
	"errors"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes/enclosure"
)

// An item is what is read of one: texts as they stand, and enclosures.
type item struct {
	depth                          int // of its element
	guid, title                    string
	published, date, atomPublished string
	updated                        string
	enclosures                     int
	first                          enclosure.Stated // players take the first
	hosts                          []string         // of enclosures as they are written
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

// maxEnclosures of one item are looked at.
const maxEnclosures = 100

// attached notes the enclosure that an element below the item is, if it is one.
func (i *item) attached(word string, attrs []xml.Attr) {
	address := ""
	switch word {
	case "enclosure":
		address = attr(attrs, "url")
	case "link":
		if strings.EqualFold(attr(attrs, "rel"), "enclosure") {
			address = attr(attrs, "href")
		}
	}
	i.attach(address, attr(attrs, "type"), attr(attrs, "length"))
}

func (i *item) attach(address, typ, length string) {
	if address == "" || i.enclosures == maxEnclosures {
		return
	}
	if i.enclosures == 0 {
		n, _ := strconv.ParseInt(length, 10, 64)
		i.first = enclosure.Stated{URL: address, Type: typ, Length: n}
	}
	i.enclosures++
	i.hosts = append(i.hosts, address)
}

// episode is the item as a listener meets it.
func (i *item) episode(base *url.URL) episode {
	e := episode{guid: clip(i.guid), title: clip(i.title), host: base.Hostname(), stated: i.first}
	e.stated.Type = clip(e.stated.Type)
	for _, text := range []string{i.published, i.date, i.atomPublished, i.updated} {
		if e.published = date(text); !e.published.IsZero() {
			break
		}
	}
	u, err := address(base, i.first.URL)
	if e.unfit = err; err == nil {
		e.host, e.stated.URL = u.Hostname(), u.String()
	}
	return e
}

// address is what an enclosure's URL leads to from base.
func address(base *url.URL, raw string) (*url.URL, error) {
	u, err := base.Parse(raw)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	return u, wire.Normalize(u)
}

// zones are names that RFC 5322 §4.3 knows, and some that feeds use besides,
// in seconds east of UTC.
var zones = map[string]string{
	"EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
	"GMT": "+0000", "UT": "+0000", "UTC": "+0000", "Z": "+0000", "BST": "+0100", "CET": "+0100", "CEST": "+0200", "EET": "+0200", "EEST": "+0300",
	"JST": "+0900", "IST": "+0530", "AEST": "+1000", "AEDT": "+1100",
}

// layouts are those of dates that are no RFC 5322's.
var layouts = []string{
	time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05-07:00",
	"2006-01-02 15:04:05", "2006-01-02T15:04:05-0700", "2006-01-02", "2006-01", "2006",
	"2 January 2006 15:04:05 -0700", "2 January 2006 15:04:05", "January 2, 2006 15:04:05 -0700", "January 2, 2006", "2 January 2006", "2 Jan 2006",
	"Jan 2, 2006", "Jan 2 2006 15:04:05 -0700", "Jan 2 2006", "2 Jan 2006 15:04:05", "2 Jan 06 15:04:05", "2 Jan 2006 15:04", "1/2/2006", "1/2/2006 15:04:05",
}

// date reads the dates that feeds have; zero where it is none.
func date(text string) time.Time {
	fields := strings.Fields(text)
	if len(fields) == 0 || len(fields) > 8 {
		return time.Time{}
	}
	last := &fields[len(fields)-1]
	*last = cmp.Or(zones[strings.ToUpper(*last)], *last)
	text = strings.Join(fields, " ")
	if _, rest, ok := strings.Cut(text, ","); ok && !strings.ContainsAny(fields[0], "0123456789") && strings.HasSuffix(fields[0], ",") {
		text = strings.TrimSpace(rest) // a weekday, which may be misspelt
	}
	if t, err := mail.ParseDate(text); err == nil {
		return t
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}
