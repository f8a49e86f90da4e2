package page

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/css"
)

// A sheet is what a text of CSS refers to.
type sheet struct {
	imports  []imported
	images   []string
	faces    []face
	families []string // that its rules ask for
	letters  letters
}

// An imported is an @import; it applies where its media matches.
type imported struct {
	url     string
	applies bool
}

// A face is an @font-face that the page's text has a use for.
type face struct {
	family string
	url    string
	idle   bool // the text has no character of it
	letter letter
}

// trim drops what has URLs of more than room bytes together, and returns how
// many are left.
func (s *sheet) trim(room int) (used int) {
	fits := func(url string) bool {
		ok := len(url) <= room-used
		if ok {
			used += len(url)
		}
		return ok
	}
	s.imports = slices.DeleteFunc(s.imports, func(i imported) bool { return !fits(i.url) })
	s.images = slices.DeleteFunc(s.images, func(u string) bool { return !fits(u) })
	s.faces = slices.DeleteFunc(s.faces, func(f face) bool { return !fits(f.url + f.family) })
	s.families = slices.DeleteFunc(s.families, func(f string) bool { return !fits(f) })
	return used
}

// Limits on one text of CSS.
const (
	maxNesting = 32   // blocks within each other
	maxURLs    = 2000 // of each sort
)

// readSheet reads a style sheet for a document with words on a screen.
func readSheet(text []byte, w *words, v screen) sheet {
	r := cssReader{lex: css.NewLexer(parse.NewInputBytes(text)), words: w, screen: v}
	r.read(&block{kind: rules})
	return r.out
}

// readStyle reads the value of a style attribute.
func readStyle(text string, v screen) sheet {
	r := cssReader{lex: css.NewLexer(parse.NewInputString(text)), screen: v}
	r.read(&block{kind: declarations})
	return r.out
}

type token struct {
	kind css.TokenType
	text []byte
}

type cssReader struct {
	lex    *css.Lexer
	words  *words
	screen screen
	out    sheet
	late   bool // past where an @import counts
}

type blockKind int

const (
	rules        blockKind = iota // of a sheet, or of @media and the like
	declarations                  // of a rule that may apply
	fontFace
	dead // applies to nothing here
)

// A block is what stands between braces.
type block struct {
	kind  blockKind
	depth int
	props map[string][]string // image properties and their URLs: the last declaration wins
	order []string            // of props
	face  face

	selector string // of a rule
	looked   bool   // whether it selects anything
	selects  bool
}

// applies reports whether the rule that b is selects an element that is shown.
func (r *cssReader) applies(b *block) bool {
	if !b.looked {
		b.looked, b.selects = true, r.words.selects(b.selector)
	}
	return b.selects
}

// read reads to the end of b.
func (r *cssReader) read(b *block) {
	defer r.close(b)
	var before []token // the next brace or semicolon
	for {
		kind, text := r.lex.Next()
		switch kind {
		case css.ErrorToken:
			r.statement(b, before)
			return
		case css.RightBraceToken:
			r.statement(b, before)
			if b.depth > 0 {
				return
			}
			before = before[:0]
		case css.SemicolonToken:
			r.statement(b, before)
			before = before[:0]
		case css.LeftBraceToken:
			r.nest(b, trim(before))
			before = before[:0]
		case css.CommentToken, css.CDOToken, css.CDCToken:
		default:
			before = append(before, token{kind, text})
		}
	}
}

// nest reads the block that head stands before.
func (r *cssReader) nest(parent *block, head []token) {
	r.late = true
	if parent.depth >= maxNesting {
		r.skip()
		return
	}
	kind, selector := parent.kind, ""
	switch {
	case kind == dead || len(head) == 0:
		kind = dead
	case head[0].kind == css.AtKeywordToken:
		kind = r.atKind(kind, keyword(head[0]), strings.TrimSpace(joined(head[1:])))
	case r.words.match(head):
		kind, selector = declarations, joined(head)
	default:
		kind = dead
	}
	if kind == declarations && selector == "" { // an at-rule within a rule
		selector = parent.selector
	}
	r.read(&block{kind: kind, depth: parent.depth + 1, selector: selector, face: face{letter: regular}})
}

// atKind is the kind of the block of an at-rule within a block of kind.
func (r *cssReader) atKind(kind blockKind, name, condition string) blockKind {
	switch name {
	case "media":
		if r.screen.matches(condition) {
			return kind
		}
	case "supports":
		if !strings.HasPrefix(strings.ToLower(condition), "not") {
			return kind
		}
	case "layer", "container", "scope":
		return kind
	case "font-face":
		return fontFace
	}
	return dead
}

// skip reads to the brace that closes the block just opened.
func (r *cssReader) skip() {
	for open := 1; open > 0; {
		switch kind, _ := r.lex.Next(); kind {
		case css.ErrorToken:
			return
		case css.LeftBraceToken:
			open++
		case css.RightBraceToken:
			open--
		}
	}
}

func (r *cssReader) statement(b *block, t []token) {
	t = trim(t)
	switch {
	case len(t) == 0:
	case b.kind == rules:
		r.atStatement(b, t)
	case b.kind == declarations || b.kind == fontFace:
		r.declare(b, t)
	}
}

// atStatement reads @import; it counts before all rules only.
func (r *cssReader) atStatement(b *block, t []token) {
	switch keyword(t[0]) {
	case "charset", "layer":
	case "import":
		rest := trim(t[1:])
		if r.late || b.depth > 0 || len(rest) == 0 || !isURL(rest[0]) || len(r.out.imports) == maxURLs {
			return
		}
		r.out.imports = append(r.out.imports, imported{urlText(rest[0]), r.importApplies(rest[1:])})
	default:
		r.late = true
	}
}

// importApplies evaluates what follows the URL of an @import:
// layer, supports(…), then media queries.
func (r *cssReader) importApplies(t []token) bool {
	t = trim(t)
	if len(t) > 0 && strings.EqualFold(string(t[0].text), "layer") {
		t = trim(t[1:])
	}
	for _, name := range []string{"layer(", "supports("} {
		if len(t) > 0 && strings.EqualFold(string(t[0].text), name) {
			t = trim(t[closing(t, 0):])
		}
	}
	return r.screen.matches(joined(t))
}

// close hands over what b declared.
func (r *cssReader) close(b *block) {
	for _, name := range b.order {
		if len(b.props[name]) == 0 || !r.applies(b) {
			continue
		}
		if len(r.out.images) < maxURLs {
			r.out.images = append(r.out.images, b.props[name]...)
		}
	}
	if f := b.face; f.family != "" && f.url != "" && !f.idle && len(r.out.faces) < maxURLs {
		r.out.faces = append(r.out.faces, b.face)
	}
}

// closing returns the index after the parenthesis that closes the function at i.
func closing(t []token, i int) int {
	open := 0
	for ; i < len(t); i++ {
		switch t[i].kind {
		case css.FunctionToken, css.LeftParenthesisToken:
			open++
		case css.RightParenthesisToken:
			if open--; open <= 0 {
				return i + 1
			}
		}
	}
	return len(t)
}

func trim(t []token) []token {
	for len(t) > 0 && t[0].kind == css.WhitespaceToken {
		t = t[1:]
	}
	for len(t) > 0 && t[len(t)-1].kind == css.WhitespaceToken {
		t = t[:len(t)-1]
	}
	return t
}

func joined(t []token) string {
	var b bytes.Buffer
	for _, k := range t {
		b.Write(k.text)
	}
	return b.String()
}

// keyword returns the name of an at-rule in lower case, "" for anything else.
func keyword(t token) string {
	if t.kind != css.AtKeywordToken {
		return ""
	}
	return strings.ToLower(string(t.text[1:]))
}

func isURL(t token) bool { return t.kind == css.URLToken || t.kind == css.StringToken }

// urlText returns the URL in a url(…) or a string.
func urlText(t token) string {
	s := string(t.text)
	if t.kind == css.URLToken {
		s = strings.TrimSuffix(s[strings.IndexByte(s, '(')+1:], ")")
	}
	return unquote(strings.Trim(s, " \t\r\n\f"))
}
