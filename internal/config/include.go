package config

import (
	"fmt"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/probes"
)

const (
	maxIncludes     = 100
	maxIncluded     = 200_000  // targets of one file
	maxIncludeBytes = 16 << 20 // of one file
)

// An Include is a file that targets came from.
type Include struct {
	File    string
	Targets int
}

// shared is what a reader keeps to keep once what many targets say, and to say
// where things stand.
type shared struct {
	seats   map[string]*place
	sets    map[string][]probes.Window
	taken   map[string]mark       // names of targets, and where they stand
	foreign map[*yaml.Node]string // files of nodes that stand in another than the one being read
	told    map[Error]bool        // errors at such nodes, which are met once a target
}

// A mark is a place in a file.
type mark struct {
	file string
	line int
}

// An include is one item of the key of that name.
type include struct {
	form   string     // opml, urls or targets
	at     *yaml.Node // the path
	path   string
	kind   string       // of targets that don't say theirs
	shared []*yaml.Node // keys and values for all targets of the file
}

// from names m for a message of file.
func (m mark) from(file string) string {
	if m.file == file {
		return fmt.Sprintf("line %d", m.line)
	}
	return fmt.Sprintf("%s:%d", m.file, m.line)
}

// forms are the keys that name a file, and what reads it.
var forms = map[string]func(*reader, include, []byte, func(*yaml.Node)){
	"opml":    (*reader).fromOPML,
	"urls":    (*reader).fromURLs,
	"targets": (*reader).fromTargets,
}

// includes reads the list of includes.
func (r *reader) includes(n *yaml.Node) (list []include) {
	for _, item := range r.list(n, "a list of files such as {opml: shows.opml}", maxIncludes) {
		if inc, ok := r.include(item); ok {
			list = append(list, inc)
		}
	}
	return list
}

// include reads one item. It is not ok where no file is to be read.
func (r *reader) include(n *yaml.Node) (inc include, ok bool) {
	for _, e := range r.mapping(n) {
		switch {
		case forms[e.key] != nil && inc.form != "":
			r.fail(e.at, "a second file, %s, beside %s; make it an item of its own", e.key, inc.form)
		case forms[e.key] != nil:
			inc.form, inc.at = e.key, e.value
			inc.path, ok = r.includePath(e.value)
		case e.key == "kind":
			inc.kind = r.includeKind(e.value)
		case slices.Contains(Kinds(), e.key):
			r.fail(e.at, "the URLs are in the file; write kind: %s", e.key)
		case e.key == "name":
			r.fail(e.at, "the targets of a file can't have one name")
		default:
			inc.shared = append(inc.shared, e.at, e.value)
		}
	}
	switch n = r.follow(n); {
	case n.Kind != yaml.MappingNode:
	case inc.form == "":
		r.fail(n, "no file: one key must be opml, urls or targets, with the path")
	case inc.form == "targets" && inc.kind != "":
		r.fail(n, "kind goes with opml and urls; targets say their own")
	}
	return inc, ok
}

func (r *reader) includeKind(n *yaml.Node) string {
	s := r.word(n)
	if !slices.Contains(names(r.kinds), s) {
		r.fail(n, "unknown kind %s%s", describe(r.follow(n)), hint(s, names(r.kinds)))
	}
	return s
}

// includePath reads the path of a file, relative to that of the configuration.
func (r *reader) includePath(n *yaml.Node) (path string, ok bool) {
	path, ok = r.text(n)
	switch {
	case !ok:
	case secretive(n, 0):
		r.fail(n, "the path of an include can't hold variables")
		return "", false
	case path == "":
		r.fail(n, "want the path of a file")
		return "", false
	case r.open == nil:
		r.fail(n, "files are included only by a configuration that is a file itself")
		return "", false
	}
	if ok && !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.file), path)
	}
	return path, ok
}

// includeAll reads the targets of all includes into c.
func (r *reader) includeAll(list []include, c *Config, d defaults) {
	for _, inc := range list {
		n := r.bring(inc, func(item *yaml.Node) { r.add(item, c, d) })
		c.Includes = append(c.Includes, Include{inc.path, n})
	}
}

// bring hands each target that inc stands for to add, as the mapping that it
// would be in the list of targets. It returns how many there are.
func (r *reader) bring(inc include, add func(*yaml.Node)) (count int) {
	data, err := r.open(inc.path)
	if err != nil {
		r.fail(inc.at, "%s: %v", inc.path, err)
		return 0
	}
	r.included = append(r.included, data)
	main := r.file
	size := 16
	for _, n := range inc.shared {
		size += r.mark(n, main, 0)
	}
	r.file = inc.path
	r.allow(len(data) + aliasBudget)
	defer func() { r.file = main }()
	forms[inc.form](r, inc, data, func(n *yaml.Node) {
		count++
		r.allow(size)
		switch {
		case count == maxIncluded+1:
			r.fail(n, "more than %d targets of one file", maxIncluded)
		case count <= maxIncluded:
			add(n)
		}
	})
	return count
}

// allow lets that many nodes more be read, unless too many were already.
func (r *reader) allow(nodes int) {
	if r.budget >= 0 {
		r.budget += nodes
	}
}

// mark notes that n and all below it stand in file, and counts them.
func (r *reader) mark(n *yaml.Node, file string, depth int) (nodes int) {
	if r.foreign == nil {
		r.foreign, r.told = map[*yaml.Node]string{}, map[Error]bool{}
	}
	if depth > maxDepth || r.foreign[n] != "" {
		return 1
	}
	r.foreign[n] = file
	for _, c := range n.Content {
		nodes += r.mark(c, file, depth+1)
	}
	if n.Alias != nil {
		nodes += r.mark(n.Alias, file, depth+1)
	}
	return 2 + nodes // aliases are counted twice
}

// failOnce notes what is wrong at n, which stands in file, if that wasn't noted
// for another target.
func (r *reader) failOnce(file string, n *yaml.Node, message string) {
	e := Error{file, n.Line, n.Column, message}
	if !r.told[e] {
		r.told[e] = true
		r.failIn(file, n.Line, n.Column, "%s", message)
	}
}

// readInclude reads a file that a configuration includes.
func readInclude(path string) ([]byte, error) { return readFile(path, maxIncludeBytes) }
