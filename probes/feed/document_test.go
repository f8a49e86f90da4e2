package feed

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes/enclosure"
)

var base = &url.URL{Scheme: "https", Host: "feeds.example", Path: "/show.xml"}

// read is the document that body makes, with all episodes that may be kept.
func read(body []byte, base *url.URL) (*document, error) {
	r, err := parse(bytes.NewReader(body), "", time.Now())
	if err != nil {
		return nil, err
	}
	return r.from(base, maxEpisodes), nil
}

// What the corpus's feeds have is counted as independent readers count it.
func TestCorpus(t *testing.T) {
	dir := wiretest.Corpus(t, "feeds")
	all, agree := map[string]int{}, map[string]int{}
	for _, row := range wiretest.Table(t, filepath.Join(dir, "truth.tsv")) {
		r, err := parse(bytes.NewReader(wiretest.Read(t, filepath.Join(dir, row["file"]))), "", time.Now())
		if err != nil {
			t.Logf("%s: %v", row["file"], err)
			r = &reading{}
		}
		row["first_length"] = strings.TrimLeft(row["first_length"], "0") // which says nothing
		row["first_enclosure_url"] = cmp.Or(row["feedparser_first_url"], row["first_enclosure_url"])
		for what, got := range counted(r) {
			want := row[what]
			if all[what]++; got == want {
				agree[what]++
				continue
			}
			t.Logf("%s: %s: got %q, want %q", row["file"], what, got, want)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(all)) {
		t.Logf("%-21s %d of %d feeds agree", what, agree[what], all[what])
		if agree[what]*100 < all[what]*95 {
			t.Errorf("only %d of %d feeds agree in %s", agree[what], all[what], what)
		}
	}
}

// counted is what a feed says, by the names of the truth table.
func counted(r *reading) map[string]string {
	first, length, live := enclosure.Stated{}, "", 0
	if len(r.first) > 0 {
		first = r.first[0].stated
	}
	if first.Length != 0 {
		length = fmt.Sprint(first.Length)
	}
	for _, n := range r.live {
		live += n
	}
	all := map[string]string{"first_enclosure_url": first.URL, "first_type": first.Type, "first_length": length}
	for what, n := range map[string]int{
		"feedparser_entries": r.items, "feedparser_enclosures": r.enclosures, "lxml_liveItems": live,
		"alternateEnclosures": r.alternates, "podcast_sources": r.sources, "integrity_tags": r.integrities,
	} {
		all[what] = strconv.Itoa(n)
	}
	return all
}

// Whatever strangers send is a document or an error, and the same one in
// whichever pieces it comes.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		`<rss version="2.0"><channel><item><enclosure url="a.mp3"/></item></channel></rss>`,
		`<feed xmlns="http://www.w3.org/2005/Atom"><entry><link rel="enclosure" href="a.mp3"/></entry></feed>`,
		`{"version":"https://jsonfeed.org/version/1","items":[{"id":1,"attachments":[{"url":"a"}]}]}`,
		`<?xml version="1.1" encoding="windows-1251"?><!DOCTYPE a [<!ENTITY b "&b;">]><rss><item>&b;<![CDATA[<]]><!-- --></item>`,
		"\xff\xfe<\x00r\x00s\x00s\x00/\x00>\x00", alternates,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := read(body, base)
		if (d == nil) == (err == nil) {
			t.Fatalf("got %v, %v", d, err)
		}
		r, again := parse(iotest.HalfReader(bytes.NewReader(body)), "", time.Now())
		if (err == nil) != (again == nil) {
			t.Fatalf("got %v, and in pieces %v", err, again)
		}
		if err != nil {
			return
		}
		if whole, pieces := said(d), said(r.from(base, maxEpisodes)); whole != pieces {
			t.Fatalf("got %s, and in pieces %s", whole, pieces)
		}
	})
}

// said is all of d as a text.
func said(d *document) string {
	all := *d
	all.episodes = slices.Clone(d.episodes)
	for i, e := range d.episodes {
		if e.unfit != nil {
			all.episodes[i].title += ": " + e.unfit.Error()
			all.episodes[i].unfit = nil
		}
	}
	return fmt.Sprintf("%+v", all)
}

func FuzzPlace(f *testing.F) {
	f.Add("https://op3.dev/e/cdn.example/a.mp3?b=c")
	f.Fuzz(func(t *testing.T, text string) {
		if len(place(text)) > 8*300 {
			t.Errorf("%q", place(text))
		}
	})
}
