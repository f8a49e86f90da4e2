package probes

import "testing"

func TestRecordURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://h.example/a.mp3":                    "https://h.example/a.mp3",
		"https://user:pw@h.example/a":                "https://h.example/a",
		"https://h.example/a?token=x&b=&c&token=y#f": "https://h.example/a?token=REDACTED&b=REDACTED&REDACTED&token=REDACTED",
		"https://h.example/a?barewithoutkey":         "https://h.example/a?REDACTED",
		"https://h.example/%zz?secret=1":             "https://h.example/%zz",
		"https://u:p@h.example/%zz?secret=1":         "h.example/%zz",
	} {
		if got := RecordURLText(raw, false); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
	if got := RecordURLText("https://u:p@h.example/a?b=c#f", true); got != "https://u:p@h.example/a?b=c" {
		t.Errorf("got %s", got)
	}
}
