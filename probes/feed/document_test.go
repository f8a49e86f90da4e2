package feed

import (
	"net/url"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
)

var base = &url.URL{Scheme: "https", Host: "feeds.example", Path: "/show.xml"}

// Items are counted as four independent readers count them.
func TestCorpus(t *testing.T) {
	dir := wiretest.Corpus(t, "feeds")
	agree, all := 0, 0
	for _, row := range wiretest.Table(t, filepath.Join(dir, "truth.tsv")) {
		want, err := strconv.Atoi(row["feedparser_entries"])
		if err != nil {
			continue
		}
		body := wiretest.Read(t, filepath.Join(dir, row["file"]))
		all++
		d, err := read(body, base)
		switch {
		case err == nil && d.items == want, err != nil && want == 0:
			agree++
		default:
			t.Logf("%s: want %d items, got %v, %v", row["file"], want, d, err)
		}
	}
	t.Logf("%d of %d feeds agree", agree, all)
	if agree*100 < all*90 {
		t.Errorf("only %d of %d feeds agree", agree, all)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`<rss version="2.0"><channel><item><enclosure url="a.mp3"/></item></channel></rss>`))
	f.Add([]byte(`<feed xmlns="http://www.w3.org/2005/Atom"><entry><link rel="enclosure" href="a.mp3"/></entry></feed>`))
	f.Add([]byte(`{"version":"https://jsonfeed.org/version/1","items":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := read(body, base)
		if (d == nil) == (err == nil) {
			t.Fatalf("got %v, %v", d, err)
		}
	})
}
