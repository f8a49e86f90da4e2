package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sonde-media/sonde/probes"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("sonde.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("sonde.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance is YAML as a validator of JSON sees it.
func instance(t *testing.T, data []byte) any {
	t.Helper()
	doc := text{data: data}.reader().document(data)
	if doc == nil {
		t.Fatalf("not YAML: %s", data)
	}
	b, err := json.Marshal(asJSON(plain(doc, 0), 0))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What is shown to users, and what tests read without an error, is valid.
func TestSchemaAccepts(t *testing.T) {
	samples := map[string][]byte{}
	for _, path := range []string{"testdata/good.yaml", "testdata/include/all.yaml", "../../dashboards/provisioning/sonde.yaml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		samples[path] = data
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1) {
		samples[fmt.Sprintf("README, %d", i+1)] = m[1]
	}
	e, err := LoadEffective("testdata/include/all.yaml", "")
	if err != nil {
		t.Fatal(err)
	}
	if samples["effective"], err = e.YAML(); err != nil {
		t.Fatal(err)
	}
	if samples["effective, JSON"], err = e.JSON(); err != nil {
		t.Fatal(err)
	}
	samples["all keys"] = []byte(everything)
	if _, err := parse("everything.yaml", []byte(everything), testEnv, kinds); err != nil {
		t.Fatal(err)
	}
	s := compiled(t)
	for name, data := range samples {
		if err := s.Validate(instance(t, data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const everything = `
hub: https://${HUB_HOST}/
otlp: http://127.0.0.1:4318
timeout: 5s
user_agent: Example/1.0
contact: mailto:ops@example.org
limits: {run_bytes: 64 MiB, host_day_bytes: 1.5GB, day_bytes: 1000, host_parallel: 4, host_rate: 0.5}
spool: {bytes: 64 MiB, age: 12h}
defaults: {interval: 1m30s, confirm: 0}
regions: {eu-west: {name: Ireland, lat: 53.3, lon: -6.3}, lab:}
region: lab
services: {Podcasts:, Shop: {}}
ca_file: roots.pem
roots: {old: old.pem}
resolver: 192.0.2.53
source: [192.0.2.1, "2001:db8::1"]
allow_private: true
witnesses: [www.example.org:443]
notify:
  - {name: pager, url: "https://${HUB_HOST}/hook", severities: [critical, major], services: [Shop], repeat: 1h, min_age: 2m, grace: 0}
  - name: chat
    url: ${UNSET_CHAT}
    format: chat
    template: "{{range $i, $t := .Targets}}{{$t}} {{end}}"
    repeat: 0
    headers: {Authorization: "Bearer ${UNSET}"}
maintenance:
  - {cron: "@daily", duration: 1h, timezone: Europe/Berlin, targets: ["a*"], services: [Shop], labels: {team: web}}
targets:
  - feed: https://example.org/show
    name: show
    service: Podcasts
    labels: {team: audio}
    interval: 5m
    timeout: 1m
    confirm: 30s
    maintenance: [{cron: "0 2 * * *", duration: 1h}]
    regions: [eu-west]
    record_query: true
    secrets: [t0ken]
    episodes: 2
    max_bytes: 1 MiB
    stale_after: 14d
    full: true
    bytes: 64 KiB
    seek: false
    head: false
    addresses: all
    ip: 4
    x25519_only: true
  - enclosure: https://example.org/ep1.mp3
    except: [lab]
    full: true
    integrity: sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC
  - page: https://example.org/
    name: a page
    service: Shop
    labels: {team: web}
    paused: true
    confirm: 0
    viewport: {width: 390, height: 844, density: 3}
    assert: [{title: Shop}, {newer_than: 24h, selector: time, attribute: datetime}, {text: In stock}]
    max_assets: 0
    parallel: 2
    links: 3
    ignore: ["*.ads.example"]
    first_party_only: true
`

// What the schema can tell is wrong is wrong for it too.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	for _, bad := range []string{
		"regions: {}",
		"targets: []\nhubb: https://example.org/",
		"targets: {}",
		"targets: [{}]",
		"targets: [{feed: ftp://example.org/}]",
		"targets: [{feed: https://example.org/, page: https://example.org/}]",
		"targets: [{feed: https://example.org/, max_assets: 3}]",
		"targets: [{feed: https://example.org/, intervall: 5m}]",
		"targets: [{feed: https://example.org/, interval: 60}]",
		"targets: [{feed: https://example.org/, interval: 1 minute}]",
		"targets: [{feed: https://example.org/, episodes: 101}]",
		"targets: [{feed: https://example.org/, paused: 1}]",
		"targets: [{feed: https://example.org/, regions: []}]",
		"targets: [{feed: https://example.org/, labels: {9: x}}]",
		"targets: [{feed: https://example.org/, max_bytes: 64 MiBs}]",
		"targets: [{page: https://example.org/, viewport: {width: 0}}]",
		"targets: [{page: https://example.org/, assert: [{titel: x}]}]",
		"targets: [{feed: https://example.org/, ip: 5}]",
		"targets: [{feed: https://example.org/, maintenance: [{cron: x, services: [x]}]}]",
		"include: [{opml: a, urls: b}]",
		"include: [{service: x}]",
		"include: [{urls: a, kind: fed}]",
		"include: [{urls: a, name: x}]",
		"targets: []\nwitnesses: [www.example.org]",
		"targets: []\nlimits: {host_parallel: 0}",
		"targets: []\nregions: {eu: {lat: 91, lon: 0}}",
		"targets: []\nnotify: [{name: a}]",
		"targets: []\nnotify: [{name: a, url: https://example.org/, format: email}]",
		"targets: []\nnotify: [{name: a, url: https://example.org/, severities: [minor]}]",
	} {
		if err := s.Validate(instance(t, []byte(bad))); err == nil {
			t.Errorf("accepts %s", bad)
		}
	}
}

// The reader and the schema know the same keys, told by the reader's own
// errors.
func TestSchemaHasTheReadersKeys(t *testing.T) {
	data, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		"":                        "zzzzzz: 1\ntargets: []",
		"properties/limits":       "limits: {zzzzzz: 1}\ntargets: []",
		"properties/spool":        "spool: {zzzzzz: 1}\ntargets: []",
		"properties/defaults":     "defaults: {zzzzzz: 1}\ntargets: []",
		"properties/notify/items": "notify: [{zzzzzz: 1}]\ntargets: []",
		"properties/regions/additionalProperties":                       "regions: {eu: {zzzzzz: 1}}\ntargets: []",
		"properties/services/additionalProperties":                      "services: {eu: {zzzzzz: 1}}\ntargets: []",
		"properties/maintenance/items":                                  "maintenance: [{zzzzzz: 1}]\ntargets: []",
		"properties/targets/items/anyOf/0/properties/maintenance/items": "targets: [{feed: https://example.org/, maintenance: [{zzzzzz: 1}]}]",
	} {
		if diff := cmp.Diff(known(t, text), keys(root, path)); diff != "" {
			t.Errorf("%s (-reader +schema):\n%s", path, diff)
		}
	}
	for i, k := range kinds {
		options := known(t, "targets: [{"+k.name+": https://example.org/, zzzzzz: 1}]")
		want := slices.Sorted(slices.Values(slices.Concat(commonKeys, options, []string{k.name})))
		if diff := cmp.Diff(want, keys(root, fmt.Sprintf("properties/targets/items/anyOf/%d", i))); diff != "" {
			t.Errorf("%s (-reader +schema):\n%s", k.name, diff)
		}
		for _, key := range options {
			if !slices.Contains(keys(root, "properties/include/items"), key) {
				t.Errorf("an include may have %s, which the schema doesn't know", key)
			}
		}
	}
	for _, key := range keys(root, "properties/include/items") {
		if key != "opml" && key != "urls" && key != "targets" && key != "kind" && !slices.Contains(commonKeys, key) && !isOption(key) {
			t.Errorf("an include has no key %s", key)
		}
	}
}

func isOption(key string) bool {
	return slices.ContainsFunc(kinds, func(k kind) bool {
		return slices.ContainsFunc(optionProperties(k), func(p property) bool { return p.key == key })
	})
}

// known returns the keys that the reader says it knows beside zzzzzz.
func known(t *testing.T, text string) []string {
	t.Helper()
	_, err := parse("x.yaml", []byte(text), testEnv, kinds)
	if err == nil {
		t.Fatalf("no error for %s", text)
	}
	_, list, found := strings.Cut(err.Error(), "known are ")
	if !found {
		return nil
	}
	list, _, _ = strings.Cut(list, "\n")
	return slices.Sorted(slices.Values(strings.Split(list, ", ")))
}

// keys are those of the mapping at path in a schema.
func keys(root map[string]any, path string) (all []string) {
	at := any(root)
	for _, step := range strings.FieldsFunc(path, func(c rune) bool { return c == '/' }) {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			at = v[int(step[0]-'0')]
		}
	}
	properties, _ := at.(map[string]any)["properties"].(map[string]any)
	for key := range properties {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

// Each key says what it is, and its default unless it only holds others.
func TestSchemaDescribes(t *testing.T) {
	data, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var root any
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		m, _ := v.(map[string]any)
		properties, _ := m["properties"].(map[string]any)
		for key, p := range properties {
			about, _ := p.(map[string]any)["description"].(string)
			_, holds := p.(map[string]any)["properties"]
			if about == "" || !holds && !strings.Contains(strings.ToLower(about), "default") {
				t.Errorf("%s/%s: says %q", path, key, about)
			}
		}
		for key, v := range m {
			walk(path+"/"+key, v)
			if list, ok := v.([]any); ok {
				for _, item := range list {
					walk(path+"/"+key, item)
				}
			}
		}
	}
	walk("", root)
	for path := range optionAbout {
		steps := strings.Split(path, ".") // kind, option and its part, or an option of more kinds
		if option := steps[min(1, len(steps)-1)]; !isOption(option) || len(steps) > 1 && !slices.Contains(Kinds(), steps[0]) {
			t.Errorf("%s is described, and no option", path)
		}
	}
}

// A configuration as it takes effect is one, and means the same.
func TestEffective(t *testing.T) {
	t.Setenv("HOST", "shop.example")
	c, err := Load("testdata/include/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, region := range []string{"", "eu", "us"} {
		e, err := LoadEffective("testdata/include/all.yaml", region)
		if err != nil {
			t.Fatal(err)
		}
		text, err := e.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("effective.yaml", text, os.LookupEnv)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		want := c.Targets
		if region != "" {
			want = c.For(region)
		}
		if len(again.Targets) != len(want) || e.Version != c.Version {
			t.Fatalf("%s: got %d targets, version %s; want %d, %s", region, len(again.Targets), e.Version, len(want), c.Version)
		}
		for i, got := range again.Targets {
			want := want[i]
			url, _, _ := strings.Cut(want.URL, "#") // which isn't recorded
			if !strings.Contains(got.URL, probes.Redacted) && got.URL != url {
				t.Errorf("got %s, want %s", got.URL, want.URL)
			}
			if got.Name != want.Name || got.Interval != want.Interval || got.Confirm != want.Confirm || got.Paused != want.Paused || len(got.Windows) != len(want.Windows) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
	}
	if _, err := LoadEffective("testdata/include/all.yaml", "uss"); err == nil || !strings.Contains(err.Error(), "did you mean us?") {
		t.Errorf("got %v", err)
	}
}

// Every fixture of something wrong is wrong for show and for bundles too,
// unless it is a variable that lacks.
func TestEffectiveRefuses(t *testing.T) {
	paths, _ := filepath.Glob("testdata/bad_*.yaml")
	for _, path := range paths {
		if _, err := LoadEffective(path, ""); err == nil && !strings.Contains(path, "options") {
			t.Errorf("%s: no error", path)
		} else if errs, ok := errors.AsType[Errors](err); err != nil && !ok {
			t.Errorf("%s: got %v, %v", path, err, errs)
		}
	}
}

func TestVeilURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://example.org/show":                     "https://example.org/show",
		"https://me:secret@example.org/show#t0ken":     "https://REDACTED:REDACTED@example.org/show",
		"https://me:s@cret@example.org/show":           "https://REDACTED:REDACTED@example.org/show",
		"https://${USER}:${TOKEN}@example.org/":        "https://${USER}:${TOKEN}@example.org/",
		"https://example.org/?id=7&key=${TOKEN}&t0ken": "https://example.org/?id=REDACTED&key=${TOKEN}&REDACTED",
		"https://example.org/?key=x${TOKEN}":           "https://example.org/?key=REDACTED",
		"https://example.org/@me?a=b@c":                "https://example.org/@me?a=REDACTED",
	} {
		if got := veilURL(raw); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
