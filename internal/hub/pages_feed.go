package hub

import (
	"cmp"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"html"
	"net/http"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// maxEntries is how many incidents a feed has, the newest.
const maxEntries = 50

// An atomFeed is RFC 4287.
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  string      `xml:"author>name"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID        string   `xml:"id"`
	Title     string   `xml:"title"`
	Published string   `xml:"published"`
	Updated   string   `xml:"updated"`
	Link      atomLink `xml:"link"`
	Content   atomText `xml:"content"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

// feed answers the incidents as Atom.
func (s *site) feed(w http.ResponseWriter, r *http.Request) {
	sum, err := s.summarize(r.Context(), s.now(), anyIncident)
	switch {
	case r.Context().Err() != nil:
		return
	case err != nil:
		w.Header().Set("Retry-After", "10")
		http.Error(w, "the feed can't be made now: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	body, err := atom(tellAll(sum, incidentPath), feedAddress{base: address(r), home: "/", self: "/feed.atom"}, sum.Made)
	if err != nil {
		http.Error(w, "make the feed: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(body)
}

// A feedAddress is where a feed and its pages are. Without a base, which is a
// URL without a slash at its end, its links are relative.
type feedAddress struct{ base, home, self, seed string }

// atom makes a feed of incidents: one entry each, whose ID stays and which
// counts as updated when what it says has changed.
func atom(list []told, at feedAddress, made time.Time) ([]byte, error) {
	f := atomFeed{
		ID: urn("feed " + cmp.Or(at.base, at.seed)), Title: "Service status", Author: "Sonde",
		Links: []atomLink{{"alternate", at.base + at.home}, {"self", at.base + at.self}},
	}
	newest := made.UTC().Truncate(day)
	for i, t := range list[:min(len(list), maxEntries)] {
		if i == 0 || t.Changed.After(newest) {
			newest = t.Changed
		}
		f.Entries = append(f.Entries, atomEntry{
			ID: urn("incident " + t.ID), Title: t.Title, Link: atomLink{"alternate", at.base + t.Href},
			Published: t.Detected.UTC().Format(time.RFC3339), Updated: t.Changed.UTC().Format(time.RFC3339),
			Content: atomText{"html", entryText(t)},
		})
	}
	f.Updated = newest.UTC().Format(time.RFC3339)
	body, err := xml.MarshalIndent(f, "", " ")
	return append([]byte(xml.Header), append(body, '\n')...), err
}

// urn is an ID that stays and needs no address: a UUID of a text (RFC 9562,
// version 8).
func urn(text string) string {
	b := sha256.Sum256([]byte(text))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// entryText says what happened, without anything that changes by the minute.
func entryText(t told) string {
	var b strings.Builder
	say := func(format string, args ...any) {
		b.WriteString("<p>" + html.EscapeString(fmt.Sprintf(format, args...)) + "</p>")
	}
	say("%s since %s.", t.Word(), stamp(t.Started))
	if t.Reason != "" {
		say("%s.", capital(t.Reason))
	}
	for _, u := range t.News() {
		if u.Text != "" {
			say("%s: %s", stamp(u.At), u.Text)
		}
		if u.Workaround != "" {
			say("%s: until then: %s", stamp(u.At), u.Workaround)
		}
		if u.Estimate != nil {
			say("%s: expected to be over at %s", stamp(u.At), stamp(*u.Estimate))
		}
	}
	for _, r := range t.PerRegion {
		if r.Recovered != nil {
			say("Good again in %s at %s.", r.Region, stamp(*r.Recovered))
		}
	}
	switch {
	case t.Resolved == nil:
	case t.End == api.EndUnverified:
		say("Not probed any more since %s.", stamp(*t.Resolved))
	default:
		say("Resolved at %s.", stamp(*t.Resolved))
	}
	return b.String()
}
