package page

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/sonde-media/sonde/probes"
)

// An Assertion is one thing that a document must be or have, as it is served:
// no script has run. It has a selector, a text, a title or an age; a selector
// beside a text or an age says of which elements.
type Assertion struct {
	Selector  string `json:"selector"`   // CSS: an element that matches is there
	Text      string `json:"text"`       // is in the text, or in that of one of the selected elements; white space counts as one space
	Title     string `json:"title"`      // is in the title
	NewerThan string `json:"newer_than"` // such as 24h or 14d: the newest timestamp is no older
	Attribute string `json:"attribute"`  // in which timestamps stand; "": datetime, content or the text

	unread error // why it couldn't be decoded
}

// UnmarshalJSON keeps what is wrong for the check of the options, which says
// where.
func (a *Assertion) UnmarshalJSON(text []byte) error {
	type plain Assertion
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode((*plain)(a)); err != nil {
		a.unread = fmt.Errorf("want a mapping of selector, text, title, newer_than and attribute to text, got %s", text)
	}
	return nil
}

func (a Assertion) check() error {
	if a.unread != nil {
		return a.unread
	}
	if a.Selector != "" {
		if _, err := cascadia.ParseGroup(a.Selector); err != nil {
			return fmt.Errorf("selector %q: %w", a.Selector, err)
		}
	}
	if _, err := probes.ParseAge(a.NewerThan); err != nil {
		return fmt.Errorf("newer_than: %w", err)
	}
	wants := 0
	for _, want := range []string{a.Text, a.Title, a.NewerThan} {
		if want != "" {
			wants++
		}
	}
	switch {
	case wants > 1 || wants == 0 && a.Selector == "" || a.Title != "" && a.Selector != "":
		return errors.New("want one of selector, text, title and newer_than; a selector may stand with text and newer_than")
	case a.Attribute != "" && a.NewerThan == "":
		return errors.New("an attribute says where timestamps stand: it needs newer_than")
	case a.Text != "" && squeeze(a.Text) == "":
		return errors.New("the text is empty")
	}
	return nil
}

func (a Assertion) String() string {
	of := ""
	if a.Selector != "" {
		of = " in " + a.Selector
	}
	switch {
	case a.Title != "":
		return fmt.Sprintf("title %q", a.Title)
	case a.Text != "":
		return fmt.Sprintf("text %q", a.Text) + of
	case a.NewerThan != "":
		return "newer than " + a.NewerThan + of
	}
	return "selector " + a.Selector
}

// assert holds doc against what the target asserts, in one step each, and
// returns the first failure.
func (p *prober) assert(document *probes.Step, doc *document) (first error) {
	for _, a := range p.opt.Assert {
		s := document.Begin("assert")
		s.Set(probes.AttrPageAssert, a.String())
		err := a.holds(doc, p.net.Now())
		if err != nil {
			err = probes.Fail(probes.PageAssert, fmt.Errorf("%s: %w", a, err))
		}
		s.Done(&err)
		first = cmp.Or(first, err)
	}
	return first
}

// holds says why a doesn't hold for doc, nil where it does.
func (a Assertion) holds(doc *document, now time.Time) error {
	switch {
	case a.Title != "":
		if !strings.Contains(doc.title, squeeze(a.Title)) {
			return fmt.Errorf("the title is %q", doc.title)
		}
		return nil
	case a.NewerThan != "":
		return a.fresh(a.selected(doc, stamped), now)
	case a.Text != "":
		for _, n := range a.selected(doc, "html") {
			if strings.Contains(visible(n), squeeze(a.Text)) {
				return nil
			}
		}
		return errors.New("it isn't there")
	}
	if len(a.selected(doc, "")) == 0 {
		return errors.New("no element matches")
	}
	return nil
}

// stamped selects what usually tells when a page was made.
const stamped = `time[datetime], meta[property$="_time"], meta[name="date" i], meta[itemprop^="date"]`

// selected returns the elements that a is about.
func (a Assertion) selected(doc *document, usual string) []*html.Node {
	group, err := cascadia.ParseGroup(cmp.Or(a.Selector, usual))
	if err != nil {
		return nil // it was checked
	}
	return cascadia.QueryAll(doc.tree, group)
}

// ahead is how far in the future a timestamp may be: clocks differ, but what
// is announced says nothing about how old the page is.
const ahead = time.Hour

// fresh says why none of the timestamps of elements is new enough.
func (a Assertion) fresh(elements []*html.Node, now time.Time) error {
	var newest time.Time
	for _, n := range elements {
		if t := a.timestamp(n); t.After(newest) && t.Before(now.Add(ahead)) {
			newest = t
		}
	}
	most, _ := probes.ParseAge(a.NewerThan) // checked
	switch old := now.Sub(newest); {
	case newest.IsZero():
		return fmt.Errorf("no timestamp of the past that can be read in %d elements", len(elements))
	case old > most:
		return fmt.Errorf("the newest is of %s, %s ago", newest.UTC().Format(time.RFC3339), probes.Roughly(old))
	}
	return nil
}

// timestamp reads when n says it was made; zero where it doesn't.
func (a Assertion) timestamp(n *html.Node) time.Time {
	value := attr(n, strings.ToLower(a.Attribute))
	if a.Attribute == "" {
		value = cmp.Or(attr(n, "datetime"), attr(n, "content"))
		if value == "" {
			value = visible(n)
		}
	}
	value = strings.TrimSpace(value)
	switch seconds, err := strconv.ParseInt(value, 10, 64); {
	case err == nil && len(value) == len("1767225600"):
		return time.Unix(seconds, 0)
	case err == nil && len(value) == len("1767225600000"):
		return time.UnixMilli(seconds)
	}
	return probes.ParseDate(value)
}

// squeeze makes all white space one space, as a page shows it.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// visible is the text of n that a page can show.
func visible(n *html.Node) string {
	var b strings.Builder
	for c := range n.ChildNodes() {
		addVisible(&b, c)
	}
	return squeeze(b.String())
}

func addVisible(b *strings.Builder, n *html.Node) {
	switch n.DataAtom {
	case atom.Script, atom.Style, atom.Noscript, atom.Template, atom.Title:
		return
	case atom.P, atom.Div, atom.Br, atom.Li, atom.Td, atom.Th, atom.Tr, atom.H1, atom.H2, atom.H3, atom.H4:
		b.WriteByte(' ') // on a line of its own
	}
	if n.Type == html.TextNode {
		b.WriteString(n.Data)
	}
	for c := range n.ChildNodes() {
		addVisible(b, c)
	}
}
