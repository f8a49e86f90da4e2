package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"regexp"

	"go.yaml.in/yaml/v4"
)

// A bundle begins with a line that keeps the version of the files that it was
// made of, so that agents with the files and agents with the bundle report the
// same. It holds only for the text that it was written for, which it names:
//
//	# bundle of version 1a2b3c4d, text 99887766
var bundleLine = regexp.MustCompile(`^# bundle of version ([0-9a-f]{8}), text ([0-9a-f]{8})\n`)

// version returns the version of a configuration and the files it includes.
func version(data []byte, included [][]byte) string {
	if m := bundleLine.FindSubmatch(data); m != nil && digest(data[len(m[0]):]) == string(m[2]) {
		return string(m[1])
	}
	return digest(data, included...)
}

// digest returns 8 hexadecimal digits. Where one text ends counts.
func digest(data []byte, more ...[]byte) string {
	h := sha256.New()
	h.Write(data)
	for _, m := range more {
		fmt.Fprintf(h, "\x00%d\x00", len(m))
		h.Write(m)
	}
	return hex.EncodeToString(h.Sum(nil)[:4])
}

// Bundle returns the configuration in the file at path as one document, with
// the targets of the files that it includes and without notify, which is for
// hubs; variables stay as they are. It is
// checked as [Load] does, but for what holds variables: they are those of who
// reads it. The PEM files that it names are not in it. The Config is what it is
// made of, for its version and the files it includes; variables have no values
// there.
func Bundle(path string) ([]byte, *Config, error) {
	x, c, err := loadLenient(path)
	if err != nil || len(c.Includes) == 0 && !c.notifies {
		return x.data, c, err
	}
	f, err := x.flatten()
	if err != nil {
		return nil, nil, err
	}
	drop(f.root, "notify") // the hub's, and full of secrets
	body, err := encode(f.root, f.targets)
	if err != nil {
		return nil, nil, err
	}
	if len(body) > MaxBytes {
		return nil, nil, Errors{{File: path, Message: fmt.Sprintf("is larger than %d MiB with what it includes", MaxBytes>>20)}}
	}
	return fmt.Appendf(nil, "# bundle of version %s, text %s\n%s", c.Version, digest(body), body), c, nil
}

// loadLenient checks the configuration at path and what it includes, but for
// what holds variables.
func loadLenient(path string) (x text, c *Config, err error) {
	data, err := readFile(path, MaxBytes)
	if err != nil {
		return x, nil, Errors{{File: path, Message: err.Error()}}
	}
	x = text{name: path, data: data, env: anyVariable, kinds: kinds, open: remember(readInclude), lenient: true}
	c, err = x.parse()
	if err != nil {
		return text{}, nil, err
	}
	return x, c, nil
}

// anyVariable has every variable.
func anyVariable(name string) (string, bool) { return name, true }

// remember makes open return the same for a path each time, so that what was
// checked is what is used.
func remember(open func(string) ([]byte, error)) func(string) ([]byte, error) {
	known := map[string][]byte{}
	return func(path string) ([]byte, error) {
		if data, ok := known[path]; ok {
			return data, nil
		}
		data, err := open(path)
		if err == nil {
			known[path] = data
		}
		return data, err
	}
}

// A flat is a configuration with the targets of its includes among its own.
type flat struct {
	root    *yaml.Node // without targets and include
	targets iter.Seq[*yaml.Node]
}

// flatten returns x, which has no errors, as one. Its targets are made as they
// are asked for: there may be very many.
func (x text) flatten() (flat, error) {
	r := x.reader()
	root := r.document(x.data)
	if root == nil {
		return flat{}, r.errors()
	}
	root = aliased(root)
	own, included := value(root.Content, "targets"), value(root.Content, "include")
	drop(root, "targets")
	drop(root, "include")
	targets := func(yield func(*yaml.Node) bool) {
		more := true
		add := func(item *yaml.Node) { more = more && yield(plain(item, 0)) }
		if own != nil {
			for _, item := range aliased(own).Content {
				add(item)
			}
		}
		if included == nil {
			return
		}
		for _, inc := range r.includes(included) {
			r.bring(inc, add)
		}
	}
	return flat{plain(root, 0), targets}, nil // an anchor may have stood with an include
}

// encode writes the mapping root as YAML, and a list of targets at its end. The
// YAML library takes gigabytes to write a long one whole.
func encode(root *yaml.Node, targets iter.Seq[*yaml.Node]) ([]byte, error) {
	var b bytes.Buffer
	if len(root.Content) > 0 {
		root = plain(root, 0) // writing takes tags away
		root.Style = 0
		if err := encodeNode(&b, root); err != nil {
			return nil, err
		}
	}
	empty := true
	for item := range targets {
		if empty {
			b.WriteString("targets:\n")
		}
		empty = false
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: []*yaml.Node{item}}
		if err := encodeNode(&b, list); err != nil {
			return nil, err
		}
	}
	if empty {
		b.WriteString("targets: []\n")
	}
	return b.Bytes(), nil
}

func encodeNode(b *bytes.Buffer, n *yaml.Node) error {
	e := yaml.NewEncoder(b)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return e.Close()
}

// drop removes key from the mapping n.
func drop(n *yaml.Node, key string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = append(n.Content[:i:i], n.Content[i+2:]...)
			return
		}
	}
}

// plain returns a copy of n that needs nothing outside of it: aliases are what
// they stand for.
func plain(n *yaml.Node, depth int) *yaml.Node {
	n = aliased(n)
	c := &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value}
	if depth < maxDepth {
		for _, item := range n.Content {
			c.Content = append(c.Content, plain(item, depth+1))
		}
	}
	return c
}

func scalar(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}
