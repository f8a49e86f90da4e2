package probes

import (
	"net/url"
	"strings"
	"testing"
)

func TestRecordURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://h.example/a.mp3":                    "https://h.example/a.mp3",
		"https://user:pw@h.example/a":                "https://h.example/a",
		"https://h.example/a?token=x&b=&c&token=y#f": "https://h.example/a?token=REDACTED&b=REDACTED&REDACTED&token=REDACTED",
		"https://h.example/a?barewithoutkey":         "https://h.example/a?REDACTED",
		"https://h.example/%zz?secret=1":             "https://h.example/%zz",
		"https://u:p@h.example/%zz?secret=1":         "h.example/%zz",
		"https://u:p@ss@h.example/%zz#secret":        "h.example/%zz",
		"https://u:p/ss@h.example/a":                 "h.example/a",
	} {
		if got := RecordURLText(raw, false); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
	if got := RecordURLText("https://u:p@h.example/a?b=c#f", true); got != "https://u:p@h.example/a?b=c" {
		t.Errorf("got %s", got)
	}
}

func TestDefaultNameTellsNoQuery(t *testing.T) {
	for _, raw := range []string{"https://h.example/%zz?token=hush", "https://me:hush@h.example/%zz", "h.example?token=hush", "https://h.example:x/#hush"} {
		if got := DefaultName(raw); strings.Contains(got, "hush") {
			t.Errorf("%s is named %s", raw, got)
		}
	}
}

// What is recorded of a URL tells no value of its query and no user info, can
// be read again, and is the same recorded twice.
func FuzzRecordURL(f *testing.F) {
	f.Add("user", "p@ss", "h.example", "/a b", "k=hush-hush&hush-hush;x=&&=")
	f.Fuzz(func(t *testing.T, user, password, host, path, query string) {
		const hush = "hush-hush"
		u := &url.URL{Scheme: "https", Host: "h.example", Path: path, RawQuery: query, User: url.UserPassword(user, password+hush)}
		u, err := url.Parse(u.String())
		if err != nil {
			return
		}
		u.RawQuery += "&k=" + hush + "&" + hush
		got := RecordURL(u, false)
		if !strings.Contains(path, hush) && !strings.Contains(query, hush) && strings.Contains(got, hush) {
			t.Errorf("%s is recorded as %s", u, got)
		}
		again, err := url.Parse(got)
		if err != nil || again.User != nil || again.Fragment != "" || RecordURL(again, false) != got {
			t.Errorf("%s reads as %v, %v", got, again, err)
		}
		if strings.ContainsAny(user, "/?#") { // then a path begins there
			return
		}
		raw := "https://" + user + ":" + hush + "@" + host + path + "?" + hush
		if got := RecordURLText(raw, false); !strings.Contains(user+host+path, hush) && strings.Contains(got, hush) {
			t.Errorf("%s is recorded as %s", raw, got)
		}
	})
}
