package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Wherever a file can be read in pieces, it says the same as read whole. It
// tells whether it was.
func equalInPieces(t *testing.T, data []byte) bool {
	t.Helper()
	read := func() *reader {
		return &reader{file: "sonde.yaml", env: testEnv, kinds: testKinds, budget: len(data) + aliasBudget}
	}
	parts := read()
	got, ok := parts.inPieces(data, 1)
	if !ok {
		return false
	}
	whole := read()
	want := whole.inOne(data)
	gotErr, wantErr := fmt.Sprint(parts.errors()), fmt.Sprint(whole.errors())
	if gotErr != wantErr {
		t.Errorf("in pieces:\n%s\nwhole:\n%s\nof:\n%s", gotErr, wantErr, data)
	}
	if parts.errors() == nil && !reflect.DeepEqual(got, want) {
		t.Errorf("in pieces %+v, whole %+v, of:\n%s", got, want, data)
	}
	return true
}

// Texts whose lines look as if a list of targets could be cut there.
var layouts = []struct {
	name     string
	text     string
	inPieces bool
}{
	{"plain", "targets:\n  - feed: http://a/\n    name: one\n  - page: http://b/\n", true},
	{"at the margin", "targets:\n- feed: http://a/\n- page: http://b/\nservices: {}\n", true},
	{"carriage returns", "targets:\r\n- feed: http://a/\r\n- pag: http://b/\r\nservices: {}\r\n", true},
	{"a mark before", "---\ntargets:\n- feed: http://a/\n", true},
	{"keys on both sides", "timeout: 5s\ntargets: # all\n\n  # first\n  - feed: http://a/\n# then\n  - page: http://b/\n\nservices: {A: {}}\nother: 1\n", true},
	{"errors in both", "timeout: x\ntargets:\n  - feed: http://a/\n    interval: 1\n  - page: http://a/\n    nam: b\nservice: {}\nregions: 1\n", true},
	{"names taken", "targets:\n  - feed: http://a/\n  - page: http://b/\n  - page: http://a/\n", true},
	{"the key twice", "targets:\n  - feed: http://a/\ntargets:\n  - page: http://b/\n", true},
	{"a list in an item", "targets:\n  - feed: http://a/\n    secrets:\n    - abcd\n    - efgh\n  - page: http://b/\n", true},
	{"an item on the next line", "targets:\n  - \n    feed: http://a/\n  - page: http://b/\n", true},
	{"a block in an item", "targets:\n  - feed: http://a/\n    name: |\n       - page: http://c/\n\n  - page: http://b/\n", true},
	{"no end of line", "targets:\n  - feed: http://a/\n  - page: http://b/", true},
	{"variables", "targets:\n  - feed: http://a/${TOKEN}\n  - page: http://b/${NONE}\n", true},
	{"a key without a value", "targets:\n  - feed: http://a/\n    ? episodes\n  - page: http://b/\n", true},
	{"nothing in an item", "targets:\n  - feed: http://a/\n  - \n  - page: http://b/\n", true},
	{"a second document", "targets:\n  - feed: http://a/\nhub: http://h/\n---\nhub: http://h/\n", false},
	{"a mark in the list", "targets:\n  - feed: http://a/\n---\n- page: http://b/\n", false},
	{"quotes over items", "targets:\n  - feed: \"http://a/\n  - page: http://b/\"\n", false},
	{"quotes over the key", "hub: 'x\ntargets:\n  - feed: http://a/\n  - y'\ntargets: []\n", false},
	{"brackets over items", "targets:\n  - {feed: http://a/,\n  - page: http://b/}\n", false},
	{"text first", "targets:\n  feed\n  - feed: http://a/\n", false},
	{"in brackets", "targets: [{feed: http://a/}]\n", false},
	{"an anchor", "targets:\n  - feed: http://a/\n    labels: &l {a: b}\n  - page: http://b/\n    labels: *l\n", false},
	{"an anchor of the rest", "services: &s {}\ntargets:\n  - feed: http://a/\n    labels: *s\n", false},
	{"further in", "targets:\n  - feed: http://a/\n - page: http://b/\n", false},
	{"further out", "targets:\n  - feed: http://a/\n   - page: http://b/\n", false},
	{"tabs", "targets:\n\t- feed: http://a/\n", false},
	{"a list after the list", "targets:\n  - feed: http://a/\n- page: http://b/\n", false},
	{"two values", "targets:\n- feed: http://a/\n  []\n", false},
	{"an odd line break", "targets:\n- feed: http://a/\u2028- page: http://b/\n", false},
	{"a lone carriage return", "targets:\n- feed: http://a/\r- page: http://b/\n", false},
	{"a directive", "%YAML 1.1\n---\ntargets:\n- feed: http://a/\n", false},
	{"a quoted key", "\"targets\":\n- feed: http://a/\n", false},
	{"an earlier key", "\"targets\": []\ntargets:\n- feed: http://a/\n", false},
	{"a control character", "targets:\n- feed: http://a/\x01\n", false},
	{"bad UTF-8", "targets:\n- feed: http://a/\n- feed: http://a/\xff\n", false},
	{"nothing", "targets:\n", false},
	{"a tag", "targets: !!seq\n- feed: http://a/\n", false},
}

func TestPieces(t *testing.T) {
	for _, c := range layouts {
		t.Run(c.name, func(t *testing.T) {
			if got := equalInPieces(t, []byte(c.text)); got != c.inPieces {
				t.Errorf("read in pieces: %v, want %v", got, c.inPieces)
			}
		})
	}
}

func TestPiecesOfFixtures(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no fixtures", err)
	}
	n := 0
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if equalInPieces(t, data) {
			n++
		}
	}
	if n < 5 {
		t.Errorf("%d of %d fixtures are read in pieces, want most of those with targets", n, len(paths))
	}
}

// A list is cut where its items begin and nothing is lost.
func TestCut(t *testing.T) {
	data := fleet(5000)
	l, ok := layOut(data, pieceBytes)
	if !ok || l.items != 5000 || len(l.pieces) < 5 {
		t.Fatalf("got %d items in %d pieces, want 5000 in several", l.items, len(l.pieces))
	}
	text := []byte{}
	for _, p := range l.pieces {
		if len(p.text) > 2*pieceBytes {
			t.Errorf("a piece of %d bytes", len(p.text))
		}
		if p.more {
			p.text = p.text[:len(p.text)-len("  - ")]
		}
		text = append(text, p.text...)
	}
	if !slices.Equal(text, data[strings.Index(string(data), "  - "):]) {
		t.Error("the pieces aren't the list")
	}
}

func FuzzPieces(f *testing.F) {
	for _, c := range layouts {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 4<<10 {
			equalInPieces(t, data)
		}
	})
}

// Lines that each mean something else below another.
var odd = []string{
	"targets:", "targets: ", "targets: # x", "targets: |", "targets: >-", "targets: \"", "targets: [", "targets: &a", "targets: x",
	"  - feed: http://a/", "  - page: http://b/", "- feed: http://c/", "- page: http://d/", "  - ", "  -", "-", "- ", " - feed: http://e/",
	"    name: x", "  name: y", "    name: |", "    name: |1", "    name: >+", "    name: \"", "    name: '", "    labels: {", "    labels:",
	"      a: b", "    secrets: [abcd,", "    secrets:", "    - abcd", "    - - x", "    text", "  text", "text", "      ", "", "#", "  # x", "\"", "'", "}", "]", "    ]",
	"services: {}", "services: {A: {}}", "services:", "hub: \"", "hub: '", "hub: |", "hub: http://h/", "  A: {}", "---", "...", "\t", "\t- x", "  -\tfeed: http://f/",
	"    ? a", "? targets", ": x", "    : b", "    labels: &a {a: b}", "    labels: *a", "    <<: {a: b}", "  - !!map", "  - !!str x", "  - &b", "  - *b", "  - |", "  - >", "  - \"", "  - '", "  - {", "  - [",
	"    episodes: 1", "    episodes: x", "    service: ${TOKEN}", "    ? - a", "  ? x", "  - ? x", "  - - - x", "x: y: z", "    x: y: z", "'targets':", "targets :", "  - feed: http://a/\r", "targets:\r", "\r", "--- x", "- --- x", "%YAML 1.2",
}

func FuzzPiecesOfLines(f *testing.F) {
	f.Add([]byte{0, 9, 18, 10, 44})
	f.Fuzz(func(t *testing.T, picks []byte) {
		var text strings.Builder
		for _, p := range picks[:min(len(picks), 40)] {
			text.WriteString(odd[int(p)%len(odd)] + "\n")
		}
		equalInPieces(t, []byte(text.String()))
	})
}
