package feed

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// What a stranger's feed may cost. It is read tag by tag, so that memory grows
// with what is kept of it and not with its size.
const (
	maxDepth = 10_000  // of elements, which feeds that forget to close tags reach
	maxOpen  = 4 << 20 // bytes that names and namespaces of open elements take
)

// A scanner reads RSS, RDF and Atom as tolerantly as players do: elements are
// known by their names where namespaces are wrong, a tag ends what wasn't ended
// within, and one that ends nothing is left out. Its source notes what of this
// was needed.
type scanner struct {
	src    *source
	doc    *reading
	names  names
	spaces spaces
	attrs  []xml.Attr // of the tag
	root   string     // namespace of the root, which its elements needn't have right
	path   []element  // that are open
	open   map[string]int
	kept   int   // bytes that they take
	item   *item // the one that is open
	at     int   // depth of the element whose text is collected, 0: none
	text   field
}

// An element is an open one: its name, its word, the prefixes it declares, and
// the bytes that all this takes until it ends.
type element struct {
	name  *name
	word  string
	news  []string
	bytes int
}

// errNoFeed says that the root is none of a feed's.
var errNoFeed = errors.New("no feed")

// scan reads src into doc. Items before an error are in doc.
func scan(src *source, doc *reading) error {
	s := &scanner{src: src, doc: doc, names: names{}, spaces: spaces{}, open: map[string]int{}}
	for {
		if err := s.step(); err != nil {
			return err
		}
		if !src.outside && len(s.path) == 0 {
			src.trail()
			return nil
		}
	}
}

// step takes one tag, and the text before it where that is asked for.
func (s *scanner) step() error {
	var into *field
	if s.at > 0 {
		into = &s.text
	}
	if err := s.src.next(into); err != nil {
		switch {
		case !errors.Is(err, io.EOF):
			return err
		case s.src.outside:
			return errNoFeed
		}
		return fmt.Errorf("it ends in line %d, within <%.40s>", s.src.line, s.path[len(s.path)-1].name.raw)
	}
	t := &s.src.tag
	if t.end {
		return s.end(s.names.of(t.name))
	}
	if err := s.begin(s.names.of(t.name)); err != nil || !t.empty || len(s.path) == 0 {
		return err
	}
	return s.pop()
}

// stray are elements that stand before a feed where a server warns in HTML. A
// page of HTML begins with others.
var stray = map[string]bool{
	"br": true, "b": true, "i": true, "p": true, "em": true, "strong": true, "font": true, "pre": true, "code": true, "hr": true, "div": true, "span": true,
	"table": true, "tr": true, "th": true, "td": true, "tbody": true, "small": true,
}

func (s *scanner) begin(n *name) error {
	if len(s.path) == maxDepth {
		return fmt.Errorf("elements are nested more than %d deep", maxDepth)
	}
	if s.src.outside && stray[n.key] {
		s.src.strayed()
		return nil
	}
	e := s.element(n)
	if s.src.outside {
		if s.doc.format = format(e); s.doc.format == "" || s.src.stray && s.src.offset > maxStray {
			return errNoFeed
		}
		s.root, s.src.outside = e.Name.Space, false
	}
	word := word(e.Name, s.root)
	if s.item != nil && (word == "item" || word == "entry" && s.path[s.item.depth-1].word == "entry") {
		s.src.fault(nil, "<%.40s> within <%.40s>", n.raw, s.path[s.item.depth-1].name.raw)
		if err := s.endItem(); err != nil {
			return err
		}
	}
	parent, takes := s.parent(), bytesOf(e)
	if s.kept += takes; s.kept > maxOpen {
		return fmt.Errorf("names and namespaces of open elements take more than %d bytes", maxOpen)
	}
	s.push(element{n, word, s.spaces.declare(e.Attr), takes}, e)
	switch {
	case s.item == nil && (word == "item" || word == "entry" && parent == "feed"): // wherever feeds put them
		s.item = &item{depth: len(s.path), guid: attr(e.Attr, "about")} // rdf:about, of RSS 1.0
	case s.item == nil && word == "podcast:liveitem":
		s.item = &item{depth: len(s.path), live: true, status: attr(e.Attr, "status")}
	case s.item == nil && isSelf(parent, word, e.Attr):
		s.doc.self = cmp.Or(s.doc.self, attr(e.Attr, "href"))
	case s.item != nil && len(s.path) == s.item.depth+1:
		s.item.child(word, e.Attr)
	case s.item != nil:
		s.item.grandchild(parent, word, e.Attr)
	}
	if s.at == 0 && s.field(parent, word) != nil {
		s.at = len(s.path)
		s.text.Reset()
	}
	return nil
}

// element is the one that the tag begins.
func (s *scanner) element(n *name) xml.StartElement {
	s.attrs = s.attrs[:0]
	space, declared := s.spaces.of(n.prefix)
	for _, raw := range s.src.tag.attrs {
		a := s.names.of(raw.name)
		s.attrs = append(s.attrs, xml.Attr{Name: xml.Name{Space: a.prefix, Local: a.local}, Value: s.src.value(raw.value)})
		if a.raw == "xmlns" && n.prefix == "" || a.prefix == "xmlns" && a.local == n.prefix {
			space, declared = s.attrs[len(s.attrs)-1].Value, true
		}
	}
	if !declared {
		s.src.fault(nil, "<%.40s>, whose prefix is not declared", n.raw)
	}
	return xml.StartElement{Name: xml.Name{Space: space, Local: n.local}, Attr: s.attrs}
}

// push takes e as open.
func (s *scanner) push(open element, e xml.StartElement) {
	s.path = append(s.path, open)
	s.open[open.name.key]++
	for _, a := range e.Attr {
		if a.Name.Space == "" {
			continue
		}
		if _, declared := s.spaces.of(a.Name.Space); !declared {
			s.src.fault(nil, "attribute %.40s:%.40s, whose prefix is not declared", a.Name.Space, a.Name.Local)
		}
	}
}

// end ends the element that the tag names, and those that are open within.
func (s *scanner) end(n *name) error {
	if s.src.outside {
		return nil
	}
	if s.open[n.key] == 0 {
		s.src.fault(nil, "</%.40s>, which ends nothing", n.raw)
		return nil
	}
	for {
		last := s.path[len(s.path)-1].name
		if last.raw != n.raw {
			s.src.fault(nil, "</%.40s> within <%.40s>", n.raw, last.raw)
		}
		if err := s.pop(); err != nil || last.key == n.key {
			return err
		}
	}
}

// endItem ends the item that is open, and all within.
func (s *scanner) endItem() error {
	for s.item != nil {
		if err := s.pop(); err != nil {
			return err
		}
	}
	return nil
}

// pop ends the innermost element.
func (s *scanner) pop() error {
	depth := len(s.path)
	last := s.path[depth-1]
	s.kept -= last.bytes
	s.spaces.forget(last.news)
	if s.open[last.name.key]--; s.open[last.name.key] == 0 {
		delete(s.open, last.name.key)
	}
	s.path = s.path[:depth-1]
	if s.at == depth {
		s.at = 0
		if f := s.field(s.parent(), last.word); *f == "" { // the first one stands
			*f = strings.TrimSpace(s.text.String())
		}
	}
	switch {
	case s.item == nil:
	case s.item.depth == depth:
		done := s.item
		s.item = nil
		return s.doc.add(done)
	case s.item.open != nil && s.item.depth == depth-1:
		s.item.alternated()
	}
	return nil
}

// declaring is about what is kept of a namespace besides its texts, while the
// element is open that declares it.
const declaring = 200

// bytesOf is what is kept of an element while it is open.
func bytesOf(e xml.StartElement) int {
	n := 2 * len(e.Name.Local)
	for _, a := range e.Attr {
		if declares(a.Name) {
			n += len(a.Name.Local) + len(a.Value) + declaring
		}
	}
	return n
}

// isSelf reports whether an element says where the feed is.
func isSelf(parent, word string, attrs []xml.Attr) bool {
	return (parent == "channel" && word == "atom:link" || parent == "feed" && word == "link") && strings.EqualFold(attr(attrs, "rel"), "self")
}

func (s *scanner) parent() string {
	if len(s.path) == 0 {
		return ""
	}
	return s.path[len(s.path)-1].word
}

// field is where the text of an element goes, nil where nobody wants it.
func (s *scanner) field(parent, word string) *string {
	if s.item != nil {
		if len(s.path) < s.item.depth || parent != "item" && parent != "entry" && parent != "podcast:liveitem" {
			return nil
		}
		return s.item.field(word)
	}
	d := s.doc
	switch parent + " " + word {
	case "channel title", "feed title":
		return &d.title
	case "channel podcast:guid", "feed podcast:guid":
		return &d.guid
	case "channel itunes:author", "feed itunes:author":
		return &d.publishers[0]
	case "channel managingeditor", "author name":
		return &d.publishers[1]
	case "channel webmaster":
		return &d.publishers[2]
	case "channel dc:creator", "channel dc:author":
		return &d.publishers[3]
	}
	return nil
}

// format is what kind of feed begins with e and which version of it, "" for none.
func format(e xml.StartElement) string {
	switch strings.ToLower(e.Name.Local) {
	case "rss":
		return strings.TrimSpace("rss " + attr(e.Attr, "version"))
	case "rdf":
		for _, a := range e.Attr {
			if strings.TrimSpace(a.Value) == "http://purl.org/rss/1.0/" {
				return "rss 1.0"
			}
		}
		return "rss 0.9"
	case "feed":
		if lower(e.Name.Space) == "http://purl.org/atom/ns#" {
			return "atom 0.3"
		}
		return "atom 1.0"
	}
	return ""
}

func attr(attrs []xml.Attr, name string) string {
	for _, a := range attrs {
		if strings.EqualFold(a.Name.Local, name) {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}
