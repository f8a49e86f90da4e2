package config

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/probes"
)

// maxPool bounds what is looked for to be shared: where targets differ as much
// as that, sharing is no help.
const maxPool = 4096

// A pool keeps one copy of what many targets say alike. Nothing in it is changed
// after it was read.
type pool struct {
	words   map[string]string
	labels  map[string]map[string]string
	options map[string]probes.Options // accepted by the constructor of their kind
}

// put adds v to m unless there is too much in it.
func put[V any](m *map[string]V, key string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	if len(*m) < maxPool {
		(*m)[key] = v
	}
}

// word returns the pool's copy of s.
func (p *pool) word(s string) string {
	if same, ok := p.words[s]; ok {
		return same
	}
	put(&p.words, s, s)
	return s
}

// sameLabels returns the pool's copy of labels.
func (p *pool) sameLabels(labels map[string]string) map[string]string {
	if len(labels) == 0 {
		return nil
	}
	var key strings.Builder
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		key.WriteString(k + "\x00" + labels[k] + "\x00")
	}
	if same, ok := p.labels[key.String()]; ok && maps.Equal(same, labels) {
		return same
	}
	put(&p.labels, key.String(), labels)
	return labels
}

// accepts reports whether the constructor of t's kind has accepted these options
// before, and then has t share them: what it says depends on them alone.
func (p *pool) accepts(t *probes.Target) bool {
	same, ok := p.options[optionKey(t)]
	if ok && reflect.DeepEqual(same, t.Options) {
		t.Options = same
	}
	return ok
}

// accept notes that the constructor of t's kind has accepted its options.
func (p *pool) accept(t *probes.Target) {
	if key := optionKey(t); key != "" {
		put(&p.options, key, t.Options)
	}
}

// optionKey is the same for options that constructors can't tell apart, since
// they read them as JSON; "" where it can't be told.
func optionKey(t *probes.Target) string {
	if len(t.Options) == 0 {
		return t.Kind
	}
	text, err := json.Marshal(t.Options)
	if err != nil {
		return ""
	}
	return t.Kind + string(text)
}

// kindOf returns the table's own copy of the name of a kind, "" where there is
// none of that name.
func (r *reader) kindOf(name string) string {
	for _, k := range r.kinds {
		if k.name == name {
			return k.name
		}
	}
	return ""
}

// within returns name as a part of url where it is one, as names mostly are.
func within(url, name string) string {
	if i := strings.Index(url, name); i >= 0 {
		return url[i : i+len(name)]
	}
	return name
}

// few is how many keys a mapping has that are sooner looked through than hashed.
const few = 24

// lines are the lines of the keys of a mapping. Those of one with few keys are
// not kept: its entries have them.
type lines map[string]int

func newLines(keys int) lines {
	if keys <= few {
		return nil
	}
	return make(lines, keys)
}

// of returns the line of key, 0 where entries, those so far, don't have it.
func (l lines) of(entries []entry, key string) int {
	if l != nil {
		return l[key]
	}
	for _, e := range entries {
		if e.key == key {
			return e.at.Line
		}
	}
	return 0
}

func (l lines) note(key *yaml.Node) {
	if l != nil {
		l[key.Value] = key.Line
	}
}
