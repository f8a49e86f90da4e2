package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const notifying = `hub: https://hub.example:4318
notify:
  - name: pager
    url: https://pager.example/hook/${PAGER_KEY}
    severities: [critical]
    repeat: 1h
    headers: {Authorization: "Bearer ${PAGER_TOKEN}"}
  - {name: chat, url: "https://chat.example/", format: chat, template: "{{$t := .Title}}{{$t}}", repeat: 0}
targets:
  - feed: https://feeds.example/show
`

func written(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "sonde.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadNotify(t *testing.T) {
	t.Setenv("PAGER_KEY", "k3y")
	t.Setenv("PAGER_TOKEN", "t0ken")
	got, err := LoadNotify(written(t, notifying))
	if err != nil {
		t.Fatal(err)
	}
	hour, never := time.Hour, time.Duration(0)
	want := Notify{"https://hub.example:4318", []Receiver{
		{
			Name: "pager", URL: "https://pager.example/hook/k3y", Format: "alertmanager", Severities: []string{"critical"},
			Repeat: &hour, Headers: map[string]string{"Authorization": "Bearer t0ken"},
		},
		{Name: "chat", URL: "https://chat.example/", Format: "chat", Template: "{{$t := .Title}}{{$t}}", Repeat: &never},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Only the hub has the variables of who is told, and only it needs them.
func TestNotifyVariablesAreTheHubs(t *testing.T) {
	path := written(t, notifying)
	if _, err := Load(path); err != nil {
		t.Errorf("an agent's file: %v", err)
	}
	_, err := LoadNotify(path)
	want := path + ":4:10: the environment has no variable PAGER_KEY\n" + path + ":7:30: the environment has no variable PAGER_TOKEN"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// What agents are served says nothing of who is told, and has the version that
// the file has.
func TestBundleWithoutNotify(t *testing.T) {
	path := written(t, notifying)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	data, _, err := Bundle(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"notify", "pager", "chat"} {
		if strings.Contains(string(data), word) {
			t.Errorf("agents are served %q:\n%s", word, data)
		}
	}
	served, err := Parse("bundle", data, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	if served.Version != c.Version || len(served.Targets) != 1 {
		t.Errorf("got version %s with %d targets, want %s with 1", served.Version, len(served.Targets), c.Version)
	}
}

func TestNotifyInEffectShowsNoSecret(t *testing.T) {
	plain := strings.NewReplacer("${PAGER_KEY}", "k3y", "${PAGER_TOKEN}", "t0ken").Replace(notifying)
	e, err := LoadEffective(written(t, plain), "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := e.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if s := string(text); strings.Contains(s, "k3y") || strings.Contains(s, "t0ken") || !strings.Contains(s, "https://pager.example/REDACTED") {
		t.Errorf("got\n%s", s)
	}
}

func TestNotifyErrors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no URL":        {"[{name: a}]", "url is missing"},
		"no name":       {"[{url: https://a.example/}]", "name is missing"},
		"no list":       {"{name: a}", "want a list of receivers"},
		"twice":         {"[{name: a, url: https://a.example/}, {name: a, url: https://b.example/}]", `a second receiver "a"`},
		"format":        {"[{name: a, url: https://a.example/, format: chatt}]", "did you mean chat?"},
		"severity":      {"[{name: a, url: https://a.example/, severities: [bad]}]", "want critical or major or warning"},
		"template":      {"[{name: a, url: https://a.example/, format: chat, template: '{{.Title'}]", "unclosed action"},
		"template, not": {"[{name: a, url: https://a.example/, template: x}]", "template goes with format: chat"},
		"header":        {"[{name: a, url: https://a.example/, headers: {'a b': x}}]", "no name of a header"},
		"header, split": {`[{name: a, url: https://a.example/, headers: {a: "x\r\ny: z"}}]`, "one line of printable ASCII"},
		"repeat":        {"[{name: a, url: https://a.example/, repeat: 1s}]", "shorter than 1m"},
		"unknown":       {"[{name: a, url: https://a.example/, uri: x}]", `unknown key "uri"; did you mean url?`},
	} {
		text := "targets: []\nnotify: " + c.text + "\n"
		_, err := Parse("x.yaml", []byte(text), testEnv)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
		if _, err := LoadNotify(written(t, text)); err == nil {
			t.Errorf("%s: a hub takes it", name)
		}
	}
}
