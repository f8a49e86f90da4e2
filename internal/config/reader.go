package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

const (
	// maxDepth bounds how deep the file nests, aliases included.
	maxDepth = 64
	// aliasBudget is how many nodes more than the file has bytes may be read:
	// with aliases a few lines can stand for billions.
	aliasBudget = 1 << 16
)

// A reader walks a configuration's nodes and notes what is wrong with them.
// Its reading methods return zero values where they note an error.
type reader struct {
	file   string
	env    func(string) (string, bool)
	kinds  []kind
	errs   Errors
	secret []string // values of variables that the target being read names
	more   int      // errors beyond maxErrors
	budget int      // nodes that may still be read; below 0 nothing is, nor noted

	shared
	open     func(path string) ([]byte, error) // reads files that are included; nil: none are
	included [][]byte                          // what they held
	lenient  bool                              // nothing is said of what holds variables: they are another's
	listed   map[string]Region                 // regions that targets may name; nil: any

	pool   pool       // what targets say alike
	layout layout     // of a file that is read in pieces
	cutOut *yaml.Node // whose items are in the layout's pieces, nil where none is
	torn   bool       // a piece makes no sense by itself: the file is to be read whole
}

// inOne reads a configuration by the tree of all of it.
func (r *reader) inOne(data []byte) *Config {
	if doc := r.document(data); doc != nil {
		return r.config(doc)
	}
	return nil
}

func (r *reader) failAt(line, column int, format string, args ...any) {
	r.failIn(r.file, line, column, format, args...)
}

func (r *reader) failIn(file string, line, column int, format string, args ...any) {
	if r.budget < 0 {
		return // what is missing now may well be there
	}
	if len(r.errs) == maxErrors {
		r.more++
		return
	}
	r.errs = append(r.errs, &Error{file, line, column, fmt.Sprintf(format, args...)})
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	if r.lenient && variable.MatchString(n.Value) {
		return
	}
	if file, ok := r.foreign[n]; ok {
		r.failOnce(file, n, fmt.Sprintf(format, args...))
		return
	}
	r.failAt(n.Line, n.Column, format, args...)
}

// document returns the root of the one document in data, nil after an error.
func (r *reader) document(data []byte) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(data),
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		r.failAt(0, 0, "%v", err)
		return nil
	}
	var doc, second yaml.Node
	if err := loader.Load(&doc); err != nil {
		r.syntax(data, err)
		return nil
	}
	if err := loader.Load(&second); err == nil {
		r.fail(&second, "a second document begins here; a configuration is one")
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.syntax(data, err)
		return nil
	}
	if len(doc.Content) == 0 || r.follow(doc.Content[0]).ShortTag() == "!!null" {
		r.failAt(1, 1, "is empty; at least targets is needed")
		return nil
	}
	return doc.Content[0]
}

// syntax notes an error of the YAML library at its place.
func (r *reader) syntax(data []byte, err error) {
	if errors.Is(err, io.EOF) {
		r.failAt(1, 1, "is empty; at least targets is needed")
		return
	}
	e, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		r.failAt(1, 1, "not YAML: %v", err)
		return
	}
	line, column := e.Mark.Line, e.Mark.Column
	if line <= 0 {
		line, column = badCharacter(data)
	}
	message := e.Message
	if e.ContextMsg != "" {
		message += ", " + e.ContextMsg
		if e.ContextMark.Line != line {
			message += fmt.Sprintf(" that begins at line %d", e.ContextMark.Line)
		}
	}
	r.failAt(line, max(column, 1), "not YAML: %s", message)
}

// badCharacter finds what YAML's reader stumbles over; it doesn't tell where.
func badCharacter(data []byte) (line, column int) {
	line, column = 1, 1
	for len(data) > 0 {
		c, size := utf8.DecodeRune(data)
		switch {
		case c == '\n':
			line, column = line+1, 0
		case c == utf8.RuneError && size == 1, c < ' ' && c != '\t' && c != '\r', c >= 0x7f && c < 0xa0 && c != 0x85:
			return line, column
		}
		column++
		data = data[size:]
	}
	return 1, 1
}

// follow returns the node that n stands for, which is n but for aliases.
func (r *reader) follow(n *yaml.Node) *yaml.Node {
	if r.budget == 0 {
		r.fail(n, "aliases expand to more than is read")
	}
	r.budget--
	if r.budget < 0 {
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line, Column: n.Column}
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// An entry is one key of a mapping.
type entry struct {
	key   string
	at    *yaml.Node // the key
	value *yaml.Node
}

// mapping returns the entries of n, each key once. Nothing at all is an empty
// mapping, as after "services:" with every line below it commented out.
func (r *reader) mapping(n *yaml.Node) (entries []entry) {
	n = r.follow(n)
	if n.ShortTag() == "!!null" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.want(n, "a mapping")
		return nil
	}
	entries = make([]entry, 0, len(n.Content)/2)
	first := newLines(len(n.Content) / 2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := r.follow(n.Content[i])
		switch {
		case k.ShortTag() == "!!merge":
			r.fail(k, "merge keys (<<) are not read; put what targets share into defaults")
		case k.Kind != yaml.ScalarNode || k.ShortTag() == "!!null":
			r.fail(k, "a key must be text")
		case first.of(entries, k.Value) > 0:
			r.fail(k, "duplicate key %s, first at line %d", show(k.Value), first.of(entries, k.Value))
		default:
			first.note(k)
			entries = append(entries, entry{k.Value, k, n.Content[i+1]})
		}
	}
	return entries
}

// A field is a key that a mapping may have, and what reads it.
type field struct {
	key  string
	read func(*yaml.Node)
}

// fields reads the mapping n by table, in the table's order. It returns the
// entries that the table doesn't name.
func (r *reader) fields(n *yaml.Node, table []field) (rest []entry) {
	values := make([]*yaml.Node, len(table))
	for _, e := range r.mapping(n) {
		if i := slices.IndexFunc(table, func(f field) bool { return f.key == e.key }); i >= 0 {
			values[i] = e.value
		} else {
			rest = append(rest, e)
		}
	}
	for i, f := range table {
		if values[i] != nil {
			f.read(values[i])
		}
	}
	return rest
}

// only reads like fields; keys that the table doesn't name are errors.
func (r *reader) only(n *yaml.Node, table []field) {
	var known []string
	for _, f := range table {
		known = append(known, f.key)
	}
	for _, e := range r.fields(n, table) {
		r.fail(e.at, "unknown key %s%s", show(e.key), hint(e.key, known))
	}
}

func hint(key string, known []string) string {
	if k := nearest(key, known); k != "" {
		return "; did you mean " + k + "?"
	}
	if len(known) == 0 {
		return "; none is known here"
	}
	return "; known are " + strings.Join(known, ", ")
}

// want notes that n is not what was wanted, and says what it is.
func (r *reader) want(n *yaml.Node, what string) {
	r.fail(n, "want %s, got %s", what, describe(n))
}

func describe(n *yaml.Node) string {
	switch n.ShortTag() {
	case "!!map":
		return "a mapping"
	case "!!seq":
		return "a list"
	case "!!null":
		return "nothing"
	case "!!str":
		return show(n.Value)
	}
	return n.Value
}

// show quotes s for a message, shortened.
func show(s string) string {
	if utf8.RuneCountInString(s) > 60 {
		s = string([]rune(s)[:60]) + "…"
	}
	return strconv.Quote(s)
}

// text reads a string and puts in the variables it names. It is not ok where
// an error was noted.
func (r *reader) text(n *yaml.Node) (s string, ok bool) {
	n = r.follow(n)
	switch n.ShortTag() {
	case "!!str":
		return r.expand(n)
	case "!!int", "!!float", "!!bool", "!!timestamp":
		r.fail(n, "want text, got %s; put it in quotes", n.Value)
	default:
		r.want(n, "text")
	}
	return "", false
}

func (r *reader) boolean(n *yaml.Node) (b bool) {
	n = r.follow(n)
	if n.ShortTag() != "!!bool" || n.Decode(&b) != nil {
		r.want(n, "true or false")
	}
	return b
}

// number reads a number from low to high.
func (r *reader) number(n *yaml.Node, low, high float64) (f float64) {
	n = r.follow(n)
	tag := n.ShortTag()
	if tag != "!!int" && tag != "!!float" || n.Decode(&f) != nil || !(low <= f && f <= high) {
		r.want(n, fmt.Sprintf("a number from %g to %g", low, high))
		return 0
	}
	return f
}

// duration reads a duration of at least low.
func (r *reader) duration(n *yaml.Node, low time.Duration) time.Duration {
	n = r.follow(n)
	if n.Kind != yaml.ScalarNode {
		r.want(n, "a duration such as 60s")
		return 0
	}
	s, ok := r.expand(n)
	d, err := time.ParseDuration(s)
	switch {
	case !ok:
	case err != nil || d == 0 && s == "0":
		r.want(n, "a duration such as 60s or 5m")
	case d < low:
		r.fail(n, "%s is shorter than %s", n.Value, low)
	default:
		return d
	}
	return 0
}
