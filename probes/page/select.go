package page

import (
	"cmp"
	"math/bits"
	"regexp"
	"slices"
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxVisits is how many elements are held against selectors in a run; then what
// selectors name is enough.
const maxVisits = 4_000_000

// selects reports whether an element that is shown matches one of the selectors
// in text, whose names the document has. It errs on the side of yes.
func (w *words) selects(text string) bool {
	if w == nil || w.tree == nil || text == "" {
		return true
	}
	var all []chain
	for _, one := range splitOutside(text, ',') {
		c, ok := readChain(one)
		if !ok {
			return true
		}
		all = append(all, c)
	}
	for n := range w.tree.Descendants() {
		if w.visits <= 0 {
			return true
		}
		if n.Type == html.ElementNode && slices.ContainsFunc(all, func(c chain) bool { return c.match(n, &w.visits) }) && !w.hidden[n] {
			return true
		}
	}
	return false
}

// A chain is a selector: what an element must be, and those that it stands in.
// A stranger's selector may name many of these and a document nest deep, where
// trying all ways would never end: the ancestors are walked once.
type chain []compound

type compound struct {
	cascadia.Sel
	child bool // right below what the one before it says
}

const maxCompounds = 64 // of a chain: a word's bits

// pseudos are what is left out of selectors: not all of them can be told, and
// some take long.
var pseudos = regexp.MustCompile(`::?[\w-]+(\([^()]*\))?`)

// readChain reads a selector without siblings.
func readChain(text string) (c chain, ok bool) {
	text = strings.ReplaceAll(pseudos.ReplaceAllString(text, "\x00"), ">", " > ")
	if strings.ContainsAny(text, "+~()[]|&\\") {
		return nil, false
	}
	child := false
	for word := range strings.FieldsSeq(text) {
		if word == ">" {
			child = true
			continue
		}
		word = cmp.Or(strings.ReplaceAll(word, "\x00", ""), "*")
		s, err := cascadia.Parse(word)
		if err != nil || len(c) == maxCompounds {
			return nil, false
		}
		c, child = append(c, compound{s, child}), false
	}
	return c, len(c) > 0
}

// match reports whether n is selected, and takes from visits what it looks at.
func (c chain) match(n *html.Node, visits *int) bool {
	*visits--
	last := len(c) - 1
	if !c[last].Match(n) {
		return false
	}
	if last == 0 {
		return true
	}
	var above, parent uint64 // which compounds an ancestor must be, or the very next
	expect := func(i int) {
		if c[i].child {
			parent |= 1 << (i - 1)
		} else {
			above |= 1 << (i - 1)
		}
	}
	expect(last)
	for a := n.Parent; a != nil && a.Type == html.ElementNode; a = a.Parent {
		wanted := above | parent
		parent = 0
		for ; wanted != 0; wanted &= wanted - 1 {
			*visits--
			i := bits.TrailingZeros64(wanted)
			if !c[i].Match(a) {
				continue
			}
			if i == 0 {
				return true
			}
			expect(i)
		}
	}
	return false
}

// hide notes which elements below n have no place on the page, as far as their
// attributes and those of what they stand in tell.
func (w *words) hide(n *html.Node, hidden bool) {
	hidden = hidden || isHidden(n)
	if hidden {
		w.hidden[n] = true
	}
	for c := range n.ChildNodes() {
		if c.Type == html.ElementNode {
			w.hide(c, hidden)
		}
	}
}

func isHidden(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Head, atom.Template, atom.Noscript:
		return true
	case atom.Input:
		return strings.EqualFold(attr(n, "type"), "hidden")
	}
	return has(n, "hidden") || strings.Contains(undressed(attr(n, "style")), "display:none")
}

// undressed is a style attribute in lower case without white space.
func undressed(style string) string {
	if !strings.Contains(style, ":") {
		return ""
	}
	return strings.ToLower(strings.Join(strings.Fields(style), ""))
}

// A letter is how a text asks for its font, or what a face of a font is.
type letter struct {
	light, heavy int // weights from and to; the same where there is one
	italic       bool
}

var regular = letter{light: 400, heavy: 400}

// distance is how far a face is from what is wanted, the nearest the smallest
// (CSS Fonts 4, 5.2).
func (f letter) distance(want letter) int {
	far := 0
	if f.italic != want.italic {
		far = 10_000
	}
	w := want.light
	switch {
	case f.light <= w && w <= f.heavy:
		return far
	case w >= 400 && w <= 500 && f.light > w && f.light <= 500:
		return far + f.light - w
	case w > 500 && f.light > w:
		return far + f.light - w
	case w > 500:
		return far + 1000 + w - f.heavy
	case f.heavy < w:
		return far + 500 + w - f.heavy
	}
	return far + 2000 + f.light - w
}

// nearest returns the faces of one family that the letters wanted are drawn
// with: several where each has some of the characters.
func nearest(faces []ref, wanted []letter) (chosen []ref) {
	picked := map[letter]bool{}
	for _, want := range wanted {
		best := slices.MinFunc(faces, func(a, b ref) int { return a.face.distance(want) - b.face.distance(want) })
		picked[best.face] = true
	}
	for _, f := range faces {
		if picked[f.face] {
			chosen = append(chosen, f)
		}
	}
	return chosen
}

// bold and italic are the elements that browsers show so by themselves.
var (
	bold   = []string{"b", "strong", "th", "h1", "h2", "h3", "h4", "h5", "h6"}
	italic = []string{"i", "em", "cite", "address", "var", "dfn"}
)

// letters are what styles ask for, and the elements they set themselves.
type letters struct {
	weights map[int]bool
	italic  bool
	any     bool            // a weight depends on what isn't known here
	plain   map[string]bool // elements whose weight or style a rule says
}

func (l *letters) merge(m letters) {
	l.italic, l.any = l.italic || m.italic, l.any || m.any
	for w := range m.weights {
		l.weigh(w)
	}
	for tag := range m.plain {
		l.own(tag)
	}
}

func (l *letters) weigh(weight int) {
	if l.weights == nil {
		l.weights = map[int]bool{}
	}
	l.weights[weight] = true
}

func (l *letters) own(tag string) {
	if l.plain == nil {
		l.plain = map[string]bool{}
	}
	l.plain[tag] = true
}

// wanted lists how the text of a document with w may ask for its fonts; nil
// where that isn't known.
func (l *letters) wanted(w *words) (all []letter) {
	if l.any || w == nil {
		return nil
	}
	is := func(tag string) bool { return w.tags[tag] && !l.plain[tag] }
	weights := map[int]bool{400: true, 700: slices.ContainsFunc(bold, is)}
	for weight := range l.weights {
		weights[weight] = true
	}
	slanted := l.italic || slices.ContainsFunc(italic, is)
	for weight, asked := range weights {
		if asked {
			all = append(all, letter{weight, weight, false})
		}
		if asked && slanted {
			all = append(all, letter{weight, weight, true})
		}
	}
	return all
}
