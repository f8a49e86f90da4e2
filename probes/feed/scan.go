package feed

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// What a stranger's feed may cost. It is read token by token, so that memory
// grows with what is kept of it and not with its size.
const (
	maxDepth = 10_000  // of elements, which feeds that forget to close tags reach
	maxField = 4 << 10 // bytes read of a title and the like
	maxOpen  = 4 << 20 // bytes that names and namespaces of open elements take
)

// A scanner reads RSS, RDF and Atom as tolerantly as players do: elements are
// known by their names where namespaces are wrong, and tags that match no other
// end what they stand in.
type scanner struct {
	src  *source
	dec  *xml.Decoder
	doc  *reading
	root string    // namespace of the root, which its elements needn't have right
	path []element // that are open
	kept int       // bytes that they take
	item *item     // the one that is open
	at   int       // depth of the element whose text is collected, 0: none
	text strings.Builder
}

// An element is an open one: its word, and the bytes that it takes until it
// ends.
type element struct {
	word  string
	bytes int
}

// errNoFeed says that the root is none of a feed's.
var errNoFeed = errors.New("no feed")

// scan reads src into doc. Items before an error are in doc.
func scan(src *source, doc *reading) error {
	d := xml.NewDecoder(src)
	d.Strict = false
	d.Entity = xml.HTMLEntity
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is decoded
	s := &scanner{src: src, dec: d, doc: doc}
	for {
		switch done, err := s.step(); {
		case done || err != nil:
			return err
		}
	}
}

// step takes one token, and reports whether the root has ended.
func (s *scanner) step() (done bool, err error) {
	if s.at == 0 { // nobody wants a text that may stand here
		s.src.skip()
	}
	s.src.next()
	token, err := s.dec.Token()
	if err != nil {
		if errors.Is(err, io.EOF) && len(s.path) == 0 {
			return false, errNoFeed
		}
		return false, err
	}
	switch t := token.(type) {
	case xml.StartElement:
		return false, s.begin(t)
	case xml.EndElement:
		err := s.end()
		return len(s.path) == 0, err
	case xml.CharData:
		if s.at > 0 {
			s.text.Write(t[:min(len(t), maxField-s.text.Len())])
		}
	}
	return false, nil
}

func (s *scanner) begin(e xml.StartElement) error {
	if len(s.path) == maxDepth {
		return fmt.Errorf("elements are nested more than %d deep", maxDepth)
	}
	if len(s.path) == 0 {
		if s.doc.format = format(e); s.doc.format == "" {
			return errNoFeed
		}
		s.root = e.Name.Space
	}
	word, parent := s.word(e.Name), s.parent()
	takes := bytesOf(e)
	if s.kept += takes; s.kept > maxOpen {
		return fmt.Errorf("names and namespaces of open elements take more than %d bytes", maxOpen)
	}
	s.path = append(s.path, element{word, takes})
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

func (s *scanner) end() error {
	depth := len(s.path)
	word := s.path[depth-1].word
	s.kept -= s.path[depth-1].bytes
	s.path = s.path[:depth-1]
	if s.at == depth {
		s.at = 0
		if f := s.field(s.parent(), word); *f == "" { // the first one stands
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

// declares is what encoding/xml keeps of a namespace besides its texts, while
// the element is open that declares it.
const declares = 200

// bytesOf is what is kept of an element while it is open, in our hands and in
// those of encoding/xml.
func bytesOf(e xml.StartElement) int {
	n := 2 * len(e.Name.Local)
	for _, a := range e.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			n += len(a.Name.Local) + len(a.Value) + declares
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

// namespaces are those whose elements are read besides a feed's own, by their
// names in lower case or by the prefix of one that isn't declared.
var namespaces = map[string]string{
	"http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes:", "https://www.itunes.com/dtds/podcast-1.0.dtd": "itunes:",
	"http://example.com/dtds/podcast-1.0.dtd": "itunes:", "itunes": "itunes:",
	"https://podcastindex.org/namespace/1.0": "podcast:", "podcast": "podcast:",
	"https://github.com/podcastindex-org/podcast-namespace/blob/main/docs/1.0.md": "podcast:",
	"http://purl.org/dc/elements/1.1/":                                            "dc:", "http://purl.org/dc/terms/": "dc:", "dc": "dc:", "dcterms": "dc:",
	"http://www.w3.org/2005/atom": "atom:", "http://purl.org/atom/ns#": "atom:", "atom": "atom:",
	"http://search.yahoo.com/mrss/": "media:", "http://search.yahoo.com/mrss": "media:", "media": "media:",
	"": "", "http://purl.org/rss/1.0/": "", "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "",
	"http://channel.netscape.com/rdf/simple/0.9/": "", "http://my.netscape.com/rdf/simple/0.9/": "",
	"http://backend.userland.com/rss2": "",
}

// word is an element's name in lower case, with the prefix that its namespace
// has by custom.
func (s *scanner) word(n xml.Name) string {
	local := strings.ToLower(n.Local)
	if n.Space == s.root {
		return local
	}
	if prefix, known := namespaces[lower(n.Space)]; known {
		return prefix + local
	}
	return "other:" // nobody asks for it
}

func lower(space string) string { return strings.ToLower(strings.TrimSpace(space)) }

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
