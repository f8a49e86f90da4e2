package config

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/probes"
)

// A listed is a target as an OPML file or a file of URLs has it.
type listed struct {
	kind, url       string
	title, category string // kept as labels
	line, column    int
}

// target is the mapping that l would be in the list of targets. A dollar sign
// is one: a stranger's list must not read our environment.
func (inc include) target(l listed) *yaml.Node {
	text := func(s string) *yaml.Node {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.ReplaceAll(s, "$", "$$"), Line: l.line, Column: l.column}
	}
	mapping := func(pairs ...string) *yaml.Node {
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: l.line, Column: l.column}
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i+1] != "" {
				n.Content = append(n.Content, text(pairs[i]), text(pairs[i+1]))
			}
		}
		return n
	}
	n := mapping(l.kind, l.url, "name", inc.name(l.url))
	if len(n.Content) == 0 {
		n.Content = []*yaml.Node{text(l.kind), text("")} // the reader says what is wrong
	}
	if labels := mapping("title", l.title, "category", l.category); len(labels.Content) > 0 {
		n.Content = append(n.Content, text("labels"), labels)
	}
	return merge(n, inc.shared)
}

// name returns the name of a target where host and path, the default, can't do:
// URLs of one host often differ in their query alone. A name made of the URL
// itself stays what it is when other targets, or a show's title, change. The
// query isn't in it, since it may be a secret, nor is the path where the
// include has secrets.
func (inc include) name(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.RawQuery == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(raw))
	name := probes.DefaultName(raw)
	if value(inc.shared, "secrets") != nil {
		name = u.Host
	}
	return probes.Clip(name, maxWord-10) + "#" + hex.EncodeToString(sum[:4])
}

// merge returns the mapping n with those entries of more that it doesn't have.
// Labels are merged one by one.
func merge(n *yaml.Node, more []*yaml.Node) *yaml.Node {
	merged := *n
	merged.Content = slices.Clone(n.Content)
	for i := 0; i+1 < len(more); i += 2 {
		key, v := more[i], more[i+1]
		at := slices.IndexFunc(entriesOf(merged.Content), func(k *yaml.Node) bool { return k.Value == key.Value })
		switch other := excluding[key.Value]; {
		case other != "" && value(n.Content, other) != nil:
		case at < 0:
			merged.Content = append(merged.Content, key, v)
		case key.Value == "labels":
			own, shared := aliased(merged.Content[2*at+1]), aliased(v)
			if own.Kind == yaml.MappingNode && shared.Kind == yaml.MappingNode {
				merged.Content[2*at+1] = merge(own, shared.Content)
			}
		}
	}
	return &merged
}

// excluding are the keys of which a target has one at most.
var excluding = map[string]string{"regions": "except", "except": "regions"}

// entriesOf returns the keys of a mapping's content.
func entriesOf(content []*yaml.Node) (keys []*yaml.Node) {
	for i := 0; i+1 < len(content); i += 2 {
		keys = append(keys, content[i])
	}
	return keys
}

// value returns the value of key in a mapping's content, or nil.
func value(content []*yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(content); i += 2 {
		if content[i].Value == key {
			return content[i+1]
		}
	}
	return nil
}

func aliased(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// fromTargets reads a YAML file that is a list of targets.
func (r *reader) fromTargets(inc include, data []byte, add func(*yaml.Node)) {
	root := r.document(data)
	if root == nil {
		return
	}
	if root.Kind != yaml.SequenceNode {
		r.want(root, "a list of targets")
		return
	}
	for _, item := range root.Content {
		if item = aliased(item); item.Kind == yaml.MappingNode {
			item = merge(item, inc.shared)
		}
		add(item)
	}
}

// fromURLs reads a file with a URL a line, before or after which its kind may
// stand. What follows a # at the beginning of a word is a comment.
func (r *reader) fromURLs(inc include, data []byte, add func(*yaml.Node)) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	found, line := 0, 0
	for text := range bytes.Lines(data) {
		line++
		l, extra := r.urlLine(inc, string(text))
		l.line = line
		switch {
		case !utf8.ValidString(l.url): // no YAML could hold it, as a bundle must
			r.failAt(line, l.column, "the URL is not in UTF-8; write %%XX for its other bytes")
			found++
		case extra != "":
			r.failAt(line, l.column, "want a URL, and its kind before it if need be; got %s too", show(extra))
			found++
		case l.url != "":
			add(inc.target(l))
			found++
		}
	}
	if found == 0 {
		r.failAt(max(line, 1), 1, "holds no URL")
	}
}

// urlLine reads a line; extra is a word that there should not be.
func (r *reader) urlLine(inc include, text string) (l listed, extra string) {
	l.kind, l.column = cmp.Or(inc.kind, "feed"), 1
	for at, word := range words(text) {
		switch {
		case strings.HasPrefix(word, "#"):
			return l, ""
		case slices.Contains(names(r.kinds), word):
			l.kind = word
		case l.url == "":
			l.url, l.column = word, at+1
		default:
			l.column = at + 1
			return l, word
		}
	}
	return l, ""
}

// words yields the words of a line and the bytes that they begin at.
func words(text string) func(func(int, string) bool) {
	return func(yield func(int, string) bool) {
		begin := -1
		for i, c := range text + "\n" {
			switch space := unicode.IsSpace(c); {
			case !space && begin < 0:
				begin = i
			case space && begin >= 0:
				if !yield(begin, text[begin:i]) {
					return
				}
				begin = -1
			}
		}
	}
}
