package config

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/transform"

	encoded "golang.org/x/text/encoding/unicode"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/probes"
)

// fromOPML reads the subscriptions of an OPML 1.0 or 2.0 file, as podcast apps
// export them: outlines with an xmlUrl, nested in folders or not.
func (r *reader) fromOPML(inc include, data []byte, add func(*yaml.Node)) {
	d := newOutlines(data)
	found := 0
	for {
		l, err := d.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.failAt(d.line, d.column, "%v", err)
			} else if found == 0 {
				r.failAt(1, 1, "holds no outline with an xmlUrl")
			}
			return
		}
		found++
		l.kind = cmp.Or(inc.kind, "feed")
		add(inc.target(l))
	}
}

// outlines reads an OPML file outline by outline.
type outlines struct {
	xml          *xml.Decoder
	folders      []string // texts of the elements around, "" for those that are no folder
	line, column int      // of what was read last
	begun        bool
}

func newOutlines(data []byte) *outlines {
	// A mark at the beginning says more than the declaration.
	text := transform.NewReader(bytes.NewReader(data), encoded.BOMOverride(transform.Nop))
	d := xml.NewDecoder(text)
	d.Strict = false // titles hold bare ampersands and entities of HTML
	d.Entity = xml.HTMLEntity
	d.CharsetReader = charset
	return &outlines{xml: d}
}

// charset reads what a declaration says. UTF-16 was read by its mark already,
// else the declaration couldn't have been.
func charset(label string, input io.Reader) (io.Reader, error) {
	e, err := htmlindex.Get(label)
	if err != nil {
		return nil, fmt.Errorf("unknown encoding %s", show(label))
	}
	if name, _ := htmlindex.Name(e); strings.HasPrefix(name, "utf-") {
		return input, nil
	}
	return e.NewDecoder().Reader(input), nil
}

// next returns the next subscription; the error is io.EOF after the last.
func (d *outlines) next() (l listed, err error) {
	for {
		d.line, d.column = d.xml.InputPos()
		token, err := d.xml.RawToken()
		switch {
		case errors.Is(err, io.EOF) && len(d.folders) > 0:
			return l, fmt.Errorf("not OPML: ends within %d elements", len(d.folders))
		case errors.Is(err, io.EOF) && !d.begun:
			return l, errors.New("not OPML: holds no element")
		case errors.Is(err, io.EOF):
			return l, err
		case err != nil:
			return l, d.syntax(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			found, err := d.begin(token, &l)
			if found || err != nil {
				return l, err
			}
		case xml.EndElement:
			d.folders = d.folders[:max(len(d.folders)-1, 0)]
		}
	}
}

// syntax is the error of something that isn't XML, at its place.
func (d *outlines) syntax(err error) error {
	d.line, d.column = d.xml.InputPos()
	if e, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return fmt.Errorf("not OPML: %s", e.Msg)
	}
	return fmt.Errorf("not OPML: %w", err)
}

// begin takes the beginning of an element, and reports whether it is a
// subscription, which it puts into l.
func (d *outlines) begin(e xml.StartElement, l *listed) (found bool, err error) {
	if !d.begun && !strings.EqualFold(e.Name.Local, "opml") {
		return false, fmt.Errorf("not OPML: begins with <%s>", probes.Clip(e.Name.Local, 40))
	}
	d.begun = true
	if len(d.folders) == maxDepth {
		return false, fmt.Errorf("nests deeper than %d", maxDepth)
	}
	if !strings.EqualFold(e.Name.Local, "outline") {
		d.folders = append(d.folders, "")
		return false, nil
	}
	attrs := attributes(e)
	title := label(cmp.Or(attrs["title"], attrs["text"]))
	l.url = subscription(attrs)
	if l.url == "" {
		d.folders = append(d.folders, title)
		if isFeed(attrs["type"]) {
			return false, errors.New("an outline of type rss without xmlUrl")
		}
		return false, nil
	}
	l.title, l.category = title, d.category(attrs["category"])
	l.line, l.column = d.line, d.column
	d.folders = append(d.folders, "")
	return true, nil
}

// attributes are those of e by their names in lower case: apps write xmlUrl,
// xmlURL and xmlurl.
func attributes(e xml.StartElement) map[string]string {
	all := make(map[string]string, len(e.Attr))
	for _, a := range e.Attr {
		all[strings.ToLower(a.Name.Local)] = strings.TrimSpace(a.Value)
	}
	return all
}

// subscription returns the URL of a feed. An outline of type link or include,
// or of an episode, has a url that is none.
func subscription(attrs map[string]string) string {
	if u := attrs["xmlurl"]; u != "" {
		return u
	}
	if isFeed(attrs["type"]) {
		return attrs["url"]
	}
	return ""
}

func isFeed(kind string) bool {
	kind = strings.ToLower(kind)
	return kind == "rss" || kind == "atom"
}

// category is what the outline says, else the folder that it is in. Pocket
// Casts and Overcast put all into one that is called feeds.
func (d *outlines) category(own string) string {
	if own, _, _ = strings.Cut(own, ","); own != "" {
		return label(strings.Trim(own, "/"))
	}
	for i := len(d.folders) - 1; i >= 0; i-- {
		if f := d.folders[i]; f != "" && !strings.EqualFold(f, "feeds") {
			return f
		}
	}
	return ""
}

// label makes a stranger's text fit to be a label's value.
func label(text string) string {
	text = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) || unicode.IsSpace(c) {
			return c
		}
		return -1
	}, text)
	return probes.Clip(strings.Join(strings.Fields(text), " "), maxLabel)
}

// maxLabel is how much is kept of a stranger's text, in bytes.
const maxLabel = 200
