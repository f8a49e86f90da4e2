package page

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/probes"
)

func TestAssertions(t *testing.T) {
	const text = `<!doctype html><title> The  Shop </title><meta property="article:modified_time" content="2026-06-08T11:00:00Z">
		<script>var sold = "out"</script><div class="goods now"><p>A lamp,<br>two
		<b>chairs</b></div><time datetime="2026-06-09T00:00:00Z">next</time><i data-made=1780916400>x</i><u>Mon, 08 Jun 2026 08:00:00 GMT</u>`
	now := time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC)
	page := &url.URL{Scheme: "https", Host: "www.example", Path: "/"}
	doc, err := readDocument(page, http.Header{}, []byte(text), Defaults.Viewport)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		a    Assertion
		want string // "" where it holds
	}{
		{"selector", Assertion{Selector: ".goods > p b"}, ""},
		{"selector that nothing matches", Assertion{Selector: ".goods.gone"}, "no element matches"},
		{"text over tags and lines", Assertion{Text: "A lamp, two   chairs"}, ""},
		{"text of a script is none", Assertion{Text: "sold"}, "it isn't there"},
		{"text elsewhere", Assertion{Selector: "u", Text: "lamp"}, "it isn't there"},
		{"title", Assertion{Title: "The Shop"}, ""},
		{"another title", Assertion{Title: "We are sorry"}, `the title is "The Shop"`},
		{"new enough, and the future says nothing", Assertion{NewerThan: "2h"}, ""},
		{"too old", Assertion{NewerThan: "30m"}, "the newest is of 2026-06-08T11:00:00Z, 60 minutes ago"},
		{"seconds in an attribute", Assertion{Selector: "i", Attribute: "data-made", NewerThan: "2h"}, ""},
		{"a date in text", Assertion{Selector: "u", NewerThan: "1h"}, "the newest is of 2026-06-08T08:00:00Z, 4 hours ago"},
		{"no date", Assertion{Selector: "b", NewerThan: "1h"}, "no timestamp of the past that can be read in 1 elements"},
	} {
		if err := c.a.check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		got := ""
		if err := c.a.holds(doc, now); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAssertionErrors(t *testing.T) {
	for _, c := range []struct {
		assert any
		want   string
	}{
		{[]any{map[string]any{"selector": "p >"}}, `selector "p >"`},
		{[]any{map[string]any{"text": "a"}, map[string]any{"text": "a", "title": "b"}}, "item 2: want one of"},
		{[]any{map[string]any{}}, "want one of"},
		{[]any{map[string]any{"title": "a", "selector": "b"}}, "want one of"},
		{[]any{map[string]any{"attribute": "a", "selector": "b"}}, "needs newer_than"},
		{[]any{map[string]any{"newer_than": "soon"}}, "want a time"},
		{[]any{map[string]any{"text": " \n"}}, "empty"},
		{[]any{map[string]any{"txt": "a"}}, "want a mapping"},
		{[]any{"p"}, "want a mapping"},
		{"p", "want a list"},
	} {
		_, err := New(nil, probes.Target{Options: probes.Options{"assert": c.assert}})
		if err == nil || !strings.HasPrefix(err.Error(), "assert: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %q in it", c.assert, err, c.want)
		}
	}
}

func TestParties(t *testing.T) {
	at := func(host string) *url.URL { return &url.URL{Scheme: "https", Host: host} }
	for _, c := range []struct {
		options Options
		host    string
		want    bool
	}{
		{Options{}, "ads.example", false},
		{Options{Ignore: []string{"ads.example"}}, "ADS.example:8080", true},
		{Options{Ignore: []string{"ads.example"}}, "a.ads.example", false},
		{Options{Ignore: []string{"*.ads.example"}}, "a.b.ads.example", true},
		{Options{Ignore: []string{"*.ads.example"}}, "ads.example", false},
		{Options{Ignore: []string{"*.ads.example"}}, "nads.example", false},
		{Options{FirstPartyOnly: true}, "static.shop.co.uk", false},
		{Options{FirstPartyOnly: true}, "other.co.uk", true},
		{Options{FirstPartyOnly: true}, "192.0.2.1", true},
	} {
		if got := c.options.leaves(at("www.shop.co.uk"), at(c.host)); got != c.want {
			t.Errorf("%+v of %s: got %v", c.options, c.host, got)
		}
	}
	if sameSite(at("192.0.2.1"), at("198.51.2.1")) {
		t.Error("addresses have no registrable domain")
	}
}
