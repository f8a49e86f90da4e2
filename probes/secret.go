package probes

import (
	"net/url"
	"strings"
)

// Redacted stands in a record for what must not be in it.
const Redacted = "REDACTED"

// MinSecret is the shortest text that is looked for, in bytes: shorter ones stand in
// everything.
const MinSecret = 4

// hide replaces secrets, as they are and as a URL escapes them, in all texts
// of the tree.
func (s *Step) hide(secrets []string) {
	var pairs []string
	for _, secret := range secrets {
		if len(secret) < MinSecret {
			continue
		}
		for _, form := range []string{secret, url.PathEscape(secret), url.QueryEscape(secret)} {
			pairs = append(pairs, form, Redacted)
		}
	}
	if len(pairs) == 0 {
		return
	}
	r := strings.NewReplacer(pairs...)
	for c := range s.All() {
		c.rewrite(r.Replace)
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
