package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// An Effective is a configuration as it takes effect: with what it includes,
// and with the defaults of all that it leaves out. No secret is in it:
// variables stand as ${NAME}, and what runs don't record is REDACTED.
type Effective struct {
	Version string
	flat
}

// LoadEffective reads the configuration at path as it takes effect in region,
// or everywhere for "". Variables need not be there; else it is checked as
// [Load] does.
func LoadEffective(path, region string) (*Effective, error) {
	x, c, err := loadLenient(path)
	if err != nil {
		return nil, err
	}
	if _, ok := c.Regions[region]; region != "" && c.Regions != nil && !ok {
		known := slices.Sorted(maps.Keys(c.Regions))
		return nil, fmt.Errorf("region %q is not in the configuration%s", region, hint(region, known))
	}
	f, err := x.flatten()
	if err != nil {
		return nil, err
	}
	completeRoot(f.root)
	return &Effective{c.Version, flat{f.root, complete(f.targets, c, region)}}, nil
}

// complete yields those of the targets of c that region probes, with all that
// they leave out and without secrets.
func complete(targets iter.Seq[*yaml.Node], c *Config, region string) iter.Seq[*yaml.Node] {
	return func(yield func(*yaml.Node) bool) {
		i := 0
		for n := range targets {
			if region == "" || c.place(i).holds(region) {
				completeTarget(n, c.Targets[i])
				veil(n)
				if !yield(n) {
					return
				}
			}
			i++
		}
	}
}

// YAML returns e as a configuration would be written.
func (e *Effective) YAML() ([]byte, error) { return encode(e.root, e.targets) }

// JSON returns e as one JSON document.
func (e *Effective) JSON() ([]byte, error) {
	all := asJSON(e.root, 0).(map[string]any)
	list := []any{}
	for n := range e.targets {
		list = append(list, asJSON(n, 0))
	}
	all["targets"] = list
	return json.MarshalIndent(all, "", "  ")
}

func asJSON(n *yaml.Node, depth int) any {
	switch {
	case n.ShortTag() == "!!null" || depth > maxDepth:
		return nil
	case n.Kind == yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = asJSON(n.Content[i+1], depth+1)
		}
		return m
	case n.Kind == yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = asJSON(item, depth+1)
		}
		return list
	}
	var v any
	switch n.ShortTag() {
	case "!!int", "!!float", "!!bool":
		if n.Decode(&v) == nil {
			return v
		}
	}
	return n.Value
}

// completeRoot adds what root leaves out.
func completeRoot(root *yaml.Node) {
	for _, key := range []string{"hub", "otlp"} {
		if n := value(root.Content, key); n != nil {
			n.Value = veilURL(n.Value)
		}
	}
	if n := value(root.Content, "notify"); n != nil {
		veilNotify(n)
	}
	shared := under(root, "defaults")
	absent(shared, "interval", durationWord(probes.DefaultInterval))
	if value(root.Content, "timeout") == nil {
		absent(shared, "timeout", durationWord(probes.DefaultTimeout))
	}
	absent(shared, "confirm", durationWord(defaultConfirm))
	limits := under(root, "limits")
	absent(limits, "run_bytes", sizeWord(wire.DefaultRunBytes))
	absent(limits, "host_parallel", wire.DefaultHostParallel)
	spool := under(root, "spool")
	absent(spool, "bytes", sizeWord(DefaultSpool.Bytes))
	absent(spool, "age", durationWord(DefaultSpool.Age))
	absent(root, "allow_private", false)
	if value(root.Content, "user_agent") == nil && value(shared.Content, "user_agent") == nil {
		absent(root, "user_agent", wire.DefaultUserAgent)
	}
}

// completeTarget adds to n what t has and n leaves out.
func completeTarget(n *yaml.Node, t probes.Target) {
	absent(n, "name", strings.ReplaceAll(t.Name, "$", "$$"))
	absent(n, "interval", durationWord(t.Interval))
	absent(n, "timeout", durationWord(cmp.Or(t.Timeout, probes.DefaultTimeout)))
	absent(n, "confirm", durationWord(t.Confirm))
	absent(n, "paused", t.Paused)
	options := defaultOptions()[t.Kind]
	for _, key := range slices.Sorted(maps.Keys(options)) {
		absent(n, key, options[key])
	}
}

// under returns the mapping that root has under key, made where there is none.
func under(root *yaml.Node, key string) *yaml.Node {
	n := value(root.Content, key)
	if n == nil {
		n = &yaml.Node{}
		root.Content = append(root.Content, scalar(key), n)
	}
	if n.Kind != yaml.MappingNode {
		*n = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	}
	return n
}

// absent gives the mapping n the key, or what is missing of the mapping that it
// has there.
func absent(n *yaml.Node, key string, v any) {
	if has := value(n.Content, key); has != nil {
		of, _ := v.(map[string]any)
		for _, part := range slices.Sorted(maps.Keys(of)) {
			absent(has, part, of[part])
		}
		return
	}
	n.Content = append(n.Content, scalar(key), node(v))
}

// node is what v, as encoding/json has it, is in YAML.
func node(v any) *yaml.Node {
	switch v := v.(type) {
	case string:
		return scalar(v)
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			n.Content = append(n.Content, scalar(key), node(v[key]))
		}
		return n
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: fmt.Sprint(v)}
	if !strings.ContainsAny(n.Value, ".e") {
		n.Tag = "!!int"
	}
	return n
}

// durationWord writes d as people do: 1m, not 1m0s.
func durationWord(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"0s", "0m"} {
		if short, ok := strings.CutSuffix(s, zero); ok && short != "" && strings.ContainsAny(short[len(short)-1:], "hm") {
			s = short
		}
	}
	return s
}
