package feed

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sonde-media/sonde/probes"
)

const alternates = `<rss version="2.0" xmlns:podcast="https://podcastindex.org/namespace/1.0" xmlns:media="http://search.yahoo.com/mrss/" xmlns:atom="http://www.w3.org/2005/Atom">
<channel><title>T</title><atom:link rel="hub" href="https://hub.example"/><atom:link rel="self" href="https://feeds.example/show.xml"/>
<podcast:liveItem status="live"><title>Now</title><enclosure url="https://live.example/s"/>
 <podcast:alternateEnclosure type="audio/ogg"><podcast:source uri="https://live.example/o"/></podcast:alternateEnclosure></podcast:liveItem>
<podcast:liveItem status="Ended"/><podcast:liveItem status="cancelled"/>
<item><guid>1</guid>
 <podcast:alternateEnclosure type="audio/opus"><podcast:source uri="ipfs://x"/><podcast:integrity type="sri" value="sha384-opus"/></podcast:alternateEnclosure>
 <podcast:alternateEnclosure type="audio/mpeg" default="true"><podcast:source uri="https://b.example/1.mp3"/><podcast:source uri="https://b.example/1.torrent"/>
  <podcast:integrity type="pgp-signature" value="-----"/><podcast:integrity type="sri" value="sha384-same"/></podcast:alternateEnclosure>
 <enclosure url="https://a.example/1.mp3" type="audio/mpeg" length="10"/></item>
<item><guid>2</guid><enclosure url=""/><enclosure url="https://a.example/2.mp3"/><enclosure url="https://b.example/2.ogg"/>
 <podcast:alternateEnclosure type="audio/mpeg" default="true"><podcast:source uri="https://c.example/2.mp3"/><podcast:integrity type="sri" value="sha384-same"/></podcast:alternateEnclosure>
 <podcast:alternateEnclosure type="audio/mpeg"><podcast:source uri="https://a.example/2.mp3"/><podcast:integrity type="sri" value="sha384-url"/></podcast:alternateEnclosure></item>
<item><guid>3</guid><media:content url="https://i.example/3.jpg" medium="image"/>
 <media:group><media:content url="https://m.example/3.mp3" type="audio/mpeg" fileSize="30"/><media:content url="https://m.example/3.ogg" type="audio/ogg"/></media:group>
 <podcast:alternateEnclosure type="audio/opus"><podcast:source uri="https://m.example/3.opus"/><podcast:integrity type="sri" value="sha384-opus"/></podcast:alternateEnclosure></item>
<item><guid>4</guid><media:content url="https://i.example/4.jpg" medium="image"/></item>
</channel></rss>`

// Beside enclosures: what the podcast and media namespaces add.
func TestAlternates(t *testing.T) {
	d, err := read([]byte(alternates), base)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(d.items, d.enclosures, d.alternates, d.sources, d.integrities, d.media, d.lives, d.hosts, " ", d.self)
	want := "4 4 6 7 6 4 [live=1 ended=1 other=1] [a.example=2 b.example=1] https://feeds.example/show.xml"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s := probes.Do(t.Context(), func(_ context.Context, s *probes.Step, _ probes.Target) error {
		d.note(s, noon)
		return nil
	}, probes.Target{}).Root
	facts := fmt.Sprint(s.Int(probes.AttrFeedAlternates), s.Int(probes.AttrFeedSources), s.Int(probes.AttrFeedSums), s.Int(probes.AttrFeedMedia))
	if facts != "6 7 6 4" {
		t.Errorf("got facts %s", facts)
	}
	for i, want := range []string{"1 https://a.example/1.mp3 10 sha384-same", "2 https://a.example/2.mp3 0 sha384-url", "3 https://m.example/3.mp3 30 "} {
		e := d.episodes[i]
		if got := fmt.Sprintf("%s %s %d %s", e.guid, e.stated.URL, e.stated.Length, e.stated.Integrity); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if len(d.episodes) != 3 {
		t.Errorf("got %d episodes", len(d.episodes))
	}
}

// What nobody wants is left out however it is written, and wherever the pieces
// end in which it comes.
func TestSkipped(t *testing.T) {
	for name, unwanted := range map[string]string{
		"CDATA":          "<x><![CDATA[<item></x>]] > ]]>]]></x>",
		"comment":        "<!-- <item> -- -> -->",
		"lone <":         "<x>1 < 2 <= 3 <</x>",
		"bad characters": "<x>&#0; &nope; \x00\x01 \ufffe \xff</x>",
		"long":           "<x>" + strings.Repeat("<![CDATA[ ]]> ]", 10_000) + "</x>",
		"around":         " <![CDATA[</item>]]> <!----> ",
	} {
		body := strings.Replace(podcast, "<item>", "<item>"+unwanted, 1)
		d, err := read([]byte(body), base)
		if err != nil || d.items != 2 || d.enclosures != 2 || d.episodes[1].title != "2" || strings.Contains(d.mended, "read up to") {
			t.Errorf("%s: got %+v, %v", name, d, err)
		}
		r, err := parse(iotest.OneByteReader(strings.NewReader(body)), "", time.Now())
		if err != nil || fmt.Sprint(r.from(base, 2)) != fmt.Sprint(d) {
			t.Errorf("%s, byte by byte: got %+v, %v", name, r, err)
		}
	}
	d, err := read([]byte(strings.Replace(podcast, "<item>", "<x>1 < 2</x><item>", 1)), base)
	if err != nil || !strings.Contains(d.mended, "begins no tag") {
		t.Errorf("got %+v, %v", d, err)
	}
}

// A document that comes in pieces is the one that comes at once.
func TestFed(t *testing.T) {
	body := large(maxHeld + maxHeld/2)
	whole, err := parse(bytes.NewReader(body), "", noon)
	if err != nil {
		t.Fatal(err)
	}
	in := newIntake(noon, false)
	if _, err := io.Copy(struct{ io.Writer }{in}, bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	in.Close()
	in.Close() // which does no harm
	got, err := in.document(base, "", 5)
	if want := whole.from(base, 5); err != nil || fmt.Sprint(got) != fmt.Sprint(want) || want.items < 1000 || in.held != nil {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}

	page := newIntake(noon, false)
	page.Write([]byte(strings.Repeat("no feed ", maxHeld/4)))
	page.Write([]byte("more"))
	page.Close()
	if d, err := page.document(base, "", 1); err == nil {
		t.Errorf("got %+v", d)
	}
	left := newIntake(noon, false) // by a run that fails
	left.Write(body)
	left.Close()
}

// A panic of the parser is one of the run, which records it.
func TestFeederPanics(t *testing.T) {
	f := newFeeder(func(r io.Reader) {
		io.ReadFull(r, make([]byte, 3))
		panic("a mistake")
	})
	f.Write([]byte("ab"))
	defer func() {
		if recover() != "a mistake" {
			t.Error("the panic was lost")
		}
	}()
	f.Write([]byte("c"))
}
