package feed

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
)

const podcast = `<rss version="2.0"><channel><title>Café</title>` +
	`<item><title>1</title><enclosure url="1.mp3"/></item><item><title>2</title><enclosure url="2.mp3"/></item></channel></rss>`

func asUTF16(text string, order binary.AppendByteOrder) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// Encodings as they are found in the wild, and what had to be guessed.
func TestEncodings(t *testing.T) {
	declared := func(name string) string { return `<?xml version="1.0" encoding="` + name + `"?>` }
	latin := strings.ReplaceAll(podcast, "é", "\xe9")
	for _, c := range []struct{ name, body, mended string }{
		{"as it should be", podcast, ""},
		{"with a mark", "\ufeff" + podcast, ""},
		{"with two marks", "\ufeff\ufeff" + declared("UTF-8") + podcast, "line 1: something stands before the feed"},
		{"with a mark after a line", "\r\n\ufeff" + declared("UTF-8") + podcast, "something stands before the feed"},
		{"with a mark, declared windows-1252", "\ufeff" + declared("windows-1252") + podcast, ""},
		{"UTF-16, little end first", "\xff\xfe" + asUTF16(declared("UTF-16")+podcast, binary.LittleEndian), ""},
		{"UTF-16, big end first", "\xfe\xff" + asUTF16(podcast, binary.BigEndian), ""},
		{"UTF-16 without a mark", asUTF16(declared("utf-16")+podcast, binary.LittleEndian), ""},
		{"declared UTF-16, but isn't", declared("utf-16") + podcast, "not the text's"},
		{"Latin 1", declared("ISO-8859-1") + latin, ""},
		{"Latin 1, in single quotes", "\n<?xml version='1.0' encoding='latin1' standalone='yes'?>" + latin, "line 2: an XML declaration that isn't at the start"},
		{"declared UTF-8, but Latin 1", declared("UTF-8") + latin, "line 1: bytes that are not UTF-8"},
		{"not declared, but Latin 1", latin, "bytes that are not UTF-8"},
		{"UTF-16 without a mark, after a line", asUTF16("\n"+podcast, binary.BigEndian), ""},
		{"UTF-8 as databases call it", declared("utf8mb4") + podcast, ""},
		{"UTF-8 in other words", declared("utf8") + podcast, ""},
		{"UTF-8 with spaces", declared(" utf-8 ") + podcast, ""},
		{"declared after a warning", "Warning: no such file in line 3\n" + declared("ISO-8859-1") + latin, "line 1: something stands before the feed"},
		{"declared ASCII, but UTF-8", declared("us-ascii") + podcast, "bytes that are not ASCII"},
		{"declared windows-1257, but isn't", declared("windows-1257") + latin + "<!--\xa1-->", "bytes that are not in the declared encoding"},
		{"of no known encoding", declared("klingon") + podcast, "unknown"},
	} {
		d, err := read([]byte(c.body), base)
		if err != nil || d.title != "Café" || d.enclosures != 2 {
			t.Errorf("%s: got %+v, %v", c.name, d, err)
			continue
		}
		if (d.mended == "") != (c.mended == "") || !strings.Contains(d.mended, c.mended) {
			t.Errorf("%s: mended %q, want %q", c.name, d.mended, c.mended)
		}
	}
}

// Players show what comes before the place where a feed goes wrong.
func TestSalvage(t *testing.T) {
	atom := `<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><link rel="enclosure" href="1.mp3"/></entry><entry><id>2</id>`
	for _, c := range []struct {
		name, body string
		items      int // 0: none can be read
	}{
		{"cut in an item", podcast[:strings.Index(podcast, "2.mp3")], 1},
		{"cut after an item", podcast[:strings.Index(podcast, "</channel>")], 2},
		{"cut before any item", podcast[:strings.Index(podcast, "</item>")], 0},
		{"a quote without end in the second item", strings.Replace(podcast, "<title>2", "<title x='>2", 1), 1},
		{"Atom, cut in an entry", atom, 1},
		{"a quote without end in the first item", strings.Replace(podcast, "<title>1", "<title x='>1", 1), 0},
	} {
		d, err := read([]byte(c.body), base)
		switch {
		case c.items == 0 && err == nil:
			t.Errorf("%s: got %d items", c.name, d.items)
		case c.items > 0 && (err != nil || d.items != c.items || !strings.Contains(d.mended, "read up to there")):
			t.Errorf("%s: got %+v, %v, want %d items", c.name, d, err, c.items)
		}
	}
}

// HTTP's charset tells the encoding where the feed itself doesn't.
func TestCharset(t *testing.T) {
	latin := strings.ReplaceAll(podcast, "é", "\xe9")
	for name, c := range map[string]struct{ charset, body, mended string }{
		"nothing else tells":        {"ISO-8859-1", latin, ""},
		"the feed declares another": {"ISO-8859-5", `<?xml version="1.0" encoding="ISO-8859-1"?>` + latin, ""},
		"the feed has a mark":       {"ISO-8859-1", "\ufeff" + podcast, ""},
		"JSON is UTF-8":             {"ISO-8859-1", `{"version":"1","title":"Café","items":[{},{}]}`, ""},
		"an unknown one":            {"klingon", podcast, `the server's encoding "klingon" is unknown, read as UTF-8`},
	} {
		r, err := parse(strings.NewReader(c.body), c.charset, noon)
		if err != nil || r.title != "Café" || r.items != 2 || r.mended != c.mended {
			t.Errorf("%s: got %+v, %v", name, r, err)
		}
	}
}

// Tags are counted as they are decoded: in a shifting encoding they look
// otherwise.
func TestDepthInAnyEncoding(t *testing.T) {
	hidden := "<x:a>\x1b$B</\x1b(B" // in ISO-2022-JP "</" is a character of its own here
	body := `<?xml version="1.0" encoding="ISO-2022-JP"?><rss><channel><item>` + strings.Repeat(hidden, maxDepth+10)
	if _, err := read([]byte(body), base); err == nil || !strings.Contains(err.Error(), "nested") {
		t.Errorf("got %v", err)
	}
	wide := append([]byte{0xff, 0xfe}, asUTF16("<rss>"+strings.Repeat("<x:a>", maxDepth+10), binary.LittleEndian)...)
	if _, err := read(wide, base); err == nil || !strings.Contains(err.Error(), "nested") {
		t.Errorf("got %v", err)
	}
	if _, err := read(bytes.Repeat([]byte("<\x00/x:a><x:a>"), maxDepth+10), base); err == nil {
		t.Error("a zero in a tag hides how deep it is")
	}
}
