package feed

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
)

// What is no well-formed XML is read as players read it, and said.
func TestFaults(t *testing.T) {
	const declared = `<?xml version="1.0"?>` + "\n"
	of := func(old, new string) string { return declared + strings.Replace(podcast, old, new, 1) }
	for name, c := range map[string]struct{ body, title, mended string }{
		"as it should be": {declared + podcast, "Café", ""},
		"references":      {of("Café", "&lt;&amp;&#233;&#xe9;&gt;"), "<&éé>", ""},

		"a bare ampersand":         {of("Café", "Q & A"), "Q & A", `line 2: an "&" that begins no reference`},
		"one in an attribute":      {of(`"1.mp3"`, `"1.mp3?a=1&b=2"`), "Café", `an "&" that begins no reference`},
		"an entity of HTML":        {of("Café", "Caf&eacute;"), "Café", "&eacute; is not declared"},
		"an entity of nobody":      {of("Café", "&nope;"), "&nope;", "&nope; is not declared"},
		"a forbidden character":    {of("Café", "a&#8;b&#xD800;c&#99999999999;&#0;"), "abc", "a reference to a character that XML forbids; 4 faults"},
		"a control character":      {of("Café", "a\n\x08b"), "a\nb", "line 3: the control character U+0008"},
		"no tag":                   {of("Café", "1 < 2"), "1 < 2", `a "<" that begins no tag`},
		"the end of no CDATA":      {of("Café", "a]]>b"), "a]]>b", `a "]]>" that ends nothing`},
		"hyphens in a comment":     {of("<item>", "<!-- -- ---><item>"), "Café", `a "--" within a comment; read`},
		"a tag that isn't ended":   {of("</item>", "<x><y></item>"), "Café", "</item> within <y>; 2 faults"},
		"an end of nothing":        {of("<item>", "</p><item>"), "Café", "</p>, which ends nothing; read"},
		"ends in the wrong order":  {of("<item>", "<item><b><i></b></i>"), "Café", "</b> within <i>; 2 faults"},
		"capitals at the end":      {of("</title>", "</Title>"), "Café", "</Title> within <title>; read"},
		"an item that isn't ended": {of("</item>", ""), "Café", "<item> within <item>; read"},
		"an undeclared prefix":     {of("<item>", "<a:b/><item>"), "Café", "<a:b>, whose prefix is not declared; read"},
		"one of an attribute":      {of("<item>", `<item a:b="" xml:lang="">`), "Café", "attribute a:b, whose prefix is not declared; read"},
		"a lone attribute":         {of("<item>", "<item new>"), "Café", "an attribute without a value"},
		"no quotes":                {of(`"1.mp3"`, "https://feeds.example/1.mp3"), "Café", "an attribute's value without quotes; read"},
		"no space":                 {of(`"1.mp3"`, `"1.mp3"type="a"`), "Café", "no space before an attribute; read"},
		"an attribute twice":       {of(`"1.mp3"`, `"1.mp3" url="2.mp3"`), "Café", "an attribute that stands twice; read"},
		"a tag in an attribute":    {of(`"1.mp3"`, `"1.mp3" title="a<b>"`), "Café", `a "<" in an attribute's value; read`},
		"a tag without >":          {of("</title>", "</title"), "Café", "a tag without a >; read"},
		"a warning before":         {"Warning: x\n" + declared + podcast, "Café", "line 1: something stands before the feed; read"},
		"a warning in HTML":        {"<br />\n<b>Notice</b>: x & y <br>" + declared + podcast, "Café", "line 1: something stands before the feed; read"},
		"something after":          {declared + podcast + "<!-- -->\n<?x?><p>x</p>", "Café", "line 3: something stands after the feed; read"},
		"two feeds":                {declared + podcast + podcast, "Café", "something stands after the feed; read"},
		"declared without its end": {`<?xml version="1.0">` + podcast, "Café", "isn't ended by ?>; read"},
		"a declaration within":     {of("<item>", "<!x><item>"), "Café", `a "<!" that begins nothing; read`},
	} {
		d, err := read([]byte(c.body), base)
		if err != nil || d.title != c.title || d.items != 2 || d.enclosures != 2 || d.episodes[0].stated.URL[:27] != "https://feeds.example/1.mp3" {
			t.Errorf("%s: got %+v, %v", name, d, err)
			continue
		}
		if (d.mended == "") != (c.mended == "") || !strings.Contains(d.mended, c.mended) {
			t.Errorf("%s: got %q, want %q", name, d.mended, c.mended)
		}
		r, err := parse(iotest.OneByteReader(strings.NewReader(c.body)), "", noon)
		if err != nil || said(r.from(base, maxEpisodes)) != said(d) {
			t.Errorf("%s, byte by byte: got %q, %v, want %q", name, r.mended, err, d.mended)
		}
	}
}

// What a document type declares is known; what it says to be elsewhere isn't
// asked for, and nothing grows.
func TestEntities(t *testing.T) {
	bomb := `<!ENTITY a "` + strings.Repeat("x", 100) + `">` + many(90, `<!ENTITY b%d "&a;&a;&a;">`)
	for name, c := range map[string]struct{ docType, title, want, mended string }{
		"declared":            {`[<!-- "> --><!ENTITY my "Q &amp; A"><!ENTITY my "other">]`, "&my;", "Q & A", ""},
		"declared elsewhere":  {`PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://dtd.example/rss.dtd"`, "&eacute;&mine;", "é&mine;", ""},
		"a file":              {`[<!ENTITY f SYSTEM "file:///etc/passwd">]`, "&f;", "&f;", ""},
		"no entity of theirs": {`[<!ENTITY my "a">]`, "&other;", "&other;", "&other; is not declared"},
		"a bomb":              {"[" + bomb + "]", "&b1;", "&a;&a;&a;", ""},
	} {
		body := "<!DOCTYPE rss " + c.docType + ">" + strings.Replace(podcast, "Café", c.title, 1)
		d, err := read([]byte(body), base)
		if err != nil || d.title != c.want || (d.mended == "") != (c.mended == "") || !strings.Contains(d.mended, c.mended) {
			t.Errorf("%s: got %+v, %v", name, d, err)
		}
	}
}

// Pages in place of a feed are none, whatever is in them.
func TestNoFeeds(t *testing.T) {
	for _, body := range []string{
		"", "  \n", "no feed", "<!DOCTYPE html><html><body>x</body></html>", "<html><rss><item/></rss></html>", "<p>Sorry</p>", "<br>", "<opml/>", "<",
		"<?xml version='1.0'?>", "</rss>", "<!DOCTYPE rss>", "<b>" + strings.Repeat("x", maxStray) + "</b>" + podcast, strings.Repeat("\xff\xfb", 1<<20),
	} {
		if d, err := read([]byte(body), base); err == nil || !strings.HasPrefix(err.Error(), "neither RSS nor Atom") {
			t.Errorf("%.40q: got %+v, %v", body, d, err)
		}
	}
}

// However many faults there are, one is kept, and reading takes no longer.
func TestManyFaults(t *testing.T) {
	deep := strings.Repeat("<a>", maxDepth/2)
	for _, fault := range []string{"&", "</x>", "]]>", "<", "\x01", "\xff", "<a:b/>", "<a b/>", "</a><a>", "<!x>", "<!-- -- -->", "&#0;", "<a b=c d='<'e/>"} {
		body := "<rss><channel><item/><title>" + deep + strings.Repeat(fault, 300_000/len(fault))
		d, err := read([]byte(body+"</title></channel></rss>"), base)
		if err != nil || d.items != 1 || !strings.Contains(d.mended, "faults in all") || len(d.mended) > 200 {
			t.Errorf("%q: got %+v, %v", fault, d, err)
		}
	}
}

// A feed that is read although it is no well-formed XML is said to be none,
// and no other is: as libxml2 sees it.
func TestWellFormed(t *testing.T) {
	dir := wiretest.Corpus(t, "feeds")
	all, agree := 0, 0
	for _, row := range wiretest.Table(t, filepath.Join(dir, "truth.tsv")) {
		all++
		found := ""
		r, err := parse(bytes.NewReader(wiretest.Read(t, filepath.Join(dir, row["file"]))), "", time.Now())
		if err != nil {
			found = err.Error()
		} else {
			found = r.mended
		}
		if (found == "") == (row["wellformed"] == "yes") {
			agree++
		} else {
			t.Logf("%s: got %q, want %q", row["file"], found, row["wellformed_error"])
		}
		if found != "" {
			t.Logf("%s: %s (libxml2: %s)", row["file"], found, row["wellformed_error"])
		}
	}
	t.Logf("%d of %d feeds agree", agree, all)
	if agree*100 < all*98 {
		t.Errorf("only %d of %d feeds agree", agree, all)
	}
}
