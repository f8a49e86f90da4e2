package feed

import (
	"bytes"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
)

// large is a feed of so many bytes, such as podcast hosts make.
func large(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:atom="http://www.w3.org/2005/Atom"
 xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel><title>The Show</title>
<atom:link href="https://feeds.example/show.xml" rel="self" type="application/rss+xml"/><podcast:guid>917393e3-1b1e-5cef-ace4-edaa54e1f810</podcast:guid>`)
	notes := strings.Repeat("<p>What we spoke of, &amp; where to <a href=\"https://example.org/\">read on</a>: caf\u00e9s.</p>\n", 12)
	begin := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	for n := 0; b.Len() < size; n++ {
		fmt.Fprintf(&b, `<item><title>Episode %[1]d &amp; more</title><guid isPermaLink="false">show-%[1]d</guid><pubDate>%[2]s</pubDate>
<description>Short.</description><content:encoded><![CDATA[%[3]s]]></content:encoded><itunes:duration>3600</itunes:duration><itunes:explicit>false</itunes:explicit>
<itunes:image href="https://img.example/%[1]d.jpg"/><podcast:transcript url="https://t.example/%[1]d.vtt" type="text/vtt"/>
<enclosure url="https://prefix.example/e/cdn.example/show/%[1]d.mp3?source=feed" length="%[1]d00000" type="audio/mpeg"/></item>`,
			n, begin.AddDate(0, 0, -n).Format(time.RFC1123Z), notes)
	}
	b.WriteString("</channel></rss>")
	return b.Bytes()
}

// A feed of 4 MB may take 150 ms of CPU.
func BenchmarkFeed(b *testing.B) {
	at := &url.URL{Scheme: "https", Host: "feeds.example"}
	run := func(b *testing.B, name string, body []byte) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := parse(bytes.NewReader(body), "", time.Now())
				if err != nil {
					b.Fatal(err)
				}
				r.from(at, 1)
			}
		})
	}
	run(b, "4MB", large(4e6))
	run(b, "500KB", large(5e5))
	b.Run("corpus", func(b *testing.B) {
		dir := wiretest.Corpus(b, "feeds")
		for _, name := range []string{"Podcastindex-org__partytime__42.xml", "mpgirro__stalla__the-standard.xml"} {
			run(b, name, wiretest.Read(b, filepath.Join(dir, name)))
		}
	})
	b.Run("4MB-unchanged", func(b *testing.B) {
		body := large(4e6)
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			in := newIntake(time.Now(), false)
			in.Write(body)
			in.sum("")
			in.Close()
		}
	})
}
