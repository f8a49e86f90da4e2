package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
)

// maxText is how many bytes one value may have, such as an item with its notes.
const maxText = 4 << 20

// A jsonItem is what is read of an item (jsonfeed.org, versions 1 and 1.1).
type jsonItem struct {
	ID            json.RawMessage // by the standard a text, but numbers are common
	Title         string
	DatePublished string `json:"date_published"`
	DateModified  string `json:"date_modified"`
	Attachments   jsonAttachments
}

type jsonAttachment struct {
	URL  string
	Type string  `json:"mime_type"`
	Size float64 `json:"size_in_bytes"`
}

// jsonAttachments are the first of an item's: an empty one takes three bytes as
// sent and forty as read.
type jsonAttachments []jsonAttachment

// UnmarshalJSON reads as many as are kept of any item.
func (a *jsonAttachments) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if token, err := dec.Token(); err != nil || token != json.Delim('[') {
		return err
	}
	for dec.More() && len(*a) < maxEnclosures {
		var one jsonAttachment
		if err := dec.Decode(&one); err != nil {
			return err
		}
		*a = append(*a, one)
	}
	return nil
}

type jsonAuthor struct{ Name string }

// A jsonReader reads a JSON feed value by value: it is not there as a whole.
type jsonReader struct {
	src *limited
	dec *json.Decoder
	doc *reading
	is  bool // a feed: other JSON answers in its place, such as of an error
}

// readJSON reads a JSON feed into doc. Items before an error are in doc.
func readJSON(src *source, doc *reading) error {
	src.text = bytes.TrimLeft(src.text, marks)
	in := &limited{r: src, most: maxText}
	r := jsonReader{src: in, dec: json.NewDecoder(in), doc: doc}
	if _, err := r.dec.Token(); err != nil {
		return err
	}
	for r.dec.More() {
		key, err := r.dec.Token()
		if err != nil {
			return err
		}
		if err := r.member(fmt.Sprint(key)); err != nil {
			return fmt.Errorf("%.40v: %w", key, err)
		}
	}
	if _, err := r.dec.Token(); err != nil || r.is {
		return err
	}
	return errNoFeed
}

func (r *jsonReader) member(key string) error {
	d := r.doc
	r.is = r.is || key == "version" || key == "items" // the standard asks for both
	switch key {
	case "version":
		var version string
		err := r.value(&version)
		d.format = "json " + path.Base(version)
		return err
	case "title":
		return r.value(&d.title)
	case "feed_url":
		return r.value(&d.self)
	case "author":
		var author jsonAuthor
		err := r.value(&author)
		d.publishers[1] = author.Name
		return err
	case "authors":
		return r.list(func() error {
			var author jsonAuthor
			err := r.value(&author)
			if d.publishers[0] == "" {
				d.publishers[0] = author.Name
			}
			return err
		})
	case "items":
		return r.list(r.item)
	default:
		var nobodyAsks nothing
		return r.value(&nobodyAsks)
	}
}

// nothing is a value that isn't kept.
type nothing struct{}

func (*nothing) UnmarshalJSON([]byte) error { return nil }

// list reads a list by one value at a time.
func (r *jsonReader) list(one func() error) error {
	token, err := r.dec.Token()
	if err != nil || token == nil { // null
		return err
	}
	if token != json.Delim('[') {
		return errors.New("not a list")
	}
	for r.dec.More() {
		if err := one(); err != nil {
			return err
		}
	}
	_, err = r.dec.Token()
	return err
}

func (r *jsonReader) item() error {
	var i jsonItem
	if err := r.value(&i); err != nil {
		return err
	}
	one := &item{title: i.Title, published: i.DatePublished, updated: i.DateModified}
	if len(i.ID) > 0 && json.Unmarshal(i.ID, &one.guid) != nil {
		one.guid = string(i.ID)
	}
	for _, a := range i.Attachments {
		one.attach(a.URL, a.Type, fmt.Sprintf("%.0f", a.Size))
	}
	return r.doc.add(one)
}

// value reads one value of bounded size.
func (r *jsonReader) value(into any) error {
	r.src.most = r.dec.InputOffset() + maxText
	return r.dec.Decode(into)
}

// A limited reader ends with an error where a single value takes too much:
// encoding/json keeps all of it.
type limited struct {
	r       io.Reader
	n, most int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.n > l.most {
		return 0, fmt.Errorf("a value has more than %d bytes", maxText)
	}
	n, err := l.r.Read(p[:min(len(p), 32<<10)])
	l.n += int64(n)
	return n, err
}
