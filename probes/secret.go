package probes

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Redacted stands in a record for what must not be in it.
const Redacted = "REDACTED"

// MinSecret is the shortest text that is looked for, in bytes: shorter ones stand in
// everything.
const MinSecret = 4

// Hide replaces the target's secrets in text.
func (t Target) Hide(text string) string { return newHider(t.Secrets).hide(text) }

// recorded is the target as its run tells of it.
func (t Target) recorded() Target {
	h := newHider(t.Secrets)
	if len(h.forms) == 0 {
		return t
	}
	t.Name, t.Service, t.Labels = h.hide(t.Name), h.hide(t.Service), maps.Clone(t.Labels)
	for key, value := range t.Labels {
		t.Labels[key] = h.hide(value)
	}
	return t
}

// A hider replaces secrets, as they are and as URLs escape them.
type hider struct {
	forms []string // the longest first, so that none is replaced in part
	all   *strings.Replacer
}

func newHider(secrets []string) (h hider) {
	for _, secret := range secrets {
		for _, form := range forms(secret) {
			if len(form) >= MinSecret {
				h.forms = append(h.forms, form)
			}
		}
	}
	slices.SortFunc(h.forms, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	h.forms = slices.Compact(h.forms)
	var pairs []string
	for _, form := range h.forms {
		pairs = append(pairs, form, Redacted)
	}
	h.all = strings.NewReplacer(pairs...)
	return h
}

// forms are the ways in which a secret may stand in a record. A whole URL that
// is one is recorded without its query, so that its path must be looked for.
func forms(secret string) []string {
	list := []string{secret, url.PathEscape(secret), url.QueryEscape(secret), (&url.URL{Path: secret}).EscapedPath()}
	if plain, err := url.PathUnescape(secret); err == nil {
		list = append(list, plain)
	}
	if u, err := url.Parse(secret); err == nil && u.Host != "" && len(u.Path) > MinSecret {
		list = append(list, u.Path, u.EscapedPath())
	}
	return list
}

// hide also replaces the begin of a secret at the end of text: records are cut.
func (h hider) hide(text string) string {
	if len(h.forms) == 0 {
		return text
	}
	body, cut := strings.CutSuffix(text, cutMark)
	n := 0
	for _, form := range h.forms {
		n = max(n, begun(body, form))
	}
	if n > 0 {
		body = body[:len(body)-n] + Redacted
	}
	body = h.all.Replace(body)
	if cut {
		body += cutMark
	}
	return body
}

// begun returns how many bytes of secret's begin text ends with, 0 for fewer
// than tell anything.
func begun(text, secret string) int {
	for n := min(len(secret), len(text)); n >= MinSecret; n-- {
		if strings.HasSuffix(text, secret[:n]) {
			return n
		}
	}
	return 0
}

// hide replaces secrets in all texts of the tree.
func (s *Step) hide(secrets []string) {
	h := newHider(secrets)
	if len(h.forms) == 0 {
		return
	}
	for c := range s.All() {
		c.rewrite(h.hide)
	}
}

// rewrite passes every text of the step through f.
func (s *Step) rewrite(f func(string) string) {
	for key, v := range s.Attrs {
		switch v := v.(type) {
		case string:
			s.Attrs[key] = f(v)
		case []string:
			list := make([]string, len(v))
			for i, text := range v {
				list[i] = f(text)
			}
			s.Attrs[key] = list
		}
	}
	for i := range s.Findings {
		s.Findings[i].Host = f(s.Findings[i].Host)
		s.Findings[i].Detail = f(s.Findings[i].Detail)
	}
	if s.Fail != nil {
		s.Fail = &Failure{Code: s.Fail.Code, Detail: f(s.Fail.Detail), err: s.Fail.err}
	}
}
