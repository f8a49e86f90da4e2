package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Who is told follows the file; a version that is wrong changes nothing.
func TestRecipientsFollowTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sonde.yaml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("notify: [{name: a, url: 'https://a.example/'}]\ntargets: []\n")
	r, err := openRecipients(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	told := func() string {
		r.now() // sees that it changed
		r.now() // reads it once it no longer does
		var names []string
		for _, one := range r.now() {
			names = append(names, one.Name)
		}
		return strings.Join(names, " ")
	}
	for _, step := range []struct{ text, want string }{
		{"notify: [{name: a, url: 'https://a.example/'}, {name: b, url: 'https://b.example/'}]\ntargets: []\n", "a b"},
		{"notify: [{name: c}]\ntargets: []\n", "a b"},
		{"notify: [{name: c, url: 'https://c.example/', format: chat, template: '{{.No}}'}]\ntargets: []\n", "a b"},
		{"targets: []\n", ""},
	} {
		if write(step.text); told() != step.want {
			t.Errorf("after %q: got %s, want %s", step.text, told(), step.want)
		}
	}
}
