package feed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
)

// maxObjects bounds a JSON feed, which is read whole: an empty item takes three
// bytes as sent and two hundred as read.
const maxObjects = 100_000

// A jsonFeed is what is read of one (jsonfeed.org, versions 1 and 1.1).
type jsonFeed struct {
	Version string
	Title   string
	Author  jsonAuthor
	Authors []jsonAuthor
	Items   []struct {
		ID            any // by the standard text, but numbers are common
		Title         string
		DatePublished string `json:"date_published"`
		DateModified  string `json:"date_modified"`
		Attachments   []struct {
			URL  string
			Type string  `json:"mime_type"`
			Size float64 `json:"size_in_bytes"`
		}
	}
}

type jsonAuthor struct{ Name string }

// readJSON reads a JSON feed into doc.
func readJSON(text []byte, doc *document) error {
	if n := bytes.Count(text, []byte("{")) + bytes.Count(text, []byte("[")); n > maxObjects {
		return fmt.Errorf("more than %d objects", maxObjects)
	}
	var f jsonFeed
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	doc.format = "json " + path.Base(f.Version)
	doc.title = f.Title
	doc.publishers[1] = f.Author.Name
	if len(f.Authors) > 0 {
		doc.publishers[0] = f.Authors[0].Name
	}
	for _, i := range f.Items {
		one := &item{title: i.Title, published: i.DatePublished, updated: i.DateModified}
		if i.ID != nil {
			one.guid = fmt.Sprint(i.ID)
		}
		for _, a := range i.Attachments {
			one.attach(a.URL, a.Type, fmt.Sprintf("%.0f", a.Size))
		}
		doc.add(one)
	}
	return nil
}
