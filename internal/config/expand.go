package config

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// dollar finds $$, ${NAME} and what looks like an unfinished ${.
var dollar = regexp.MustCompile(`\$\$|\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$\{`)

// variable finds ${NAME}.
var variable = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// hubToken holds what an agent shows to its hub. Its configuration, which that
// hub may serve, can't have it sent elsewhere.
const hubToken = "SONDE_TOKEN"

// expand returns the text of n with the variables it names, and whether all
// were there.
func (r *reader) expand(n *yaml.Node) (s string, ok bool) {
	if strings.IndexByte(n.Value, '$') < 0 {
		return n.Value, true
	}
	ok = true
	s = dollar.ReplaceAllStringFunc(n.Value, func(m string) string {
		switch m {
		case "$$":
			return "$"
		case "${":
			r.fail(n, "want ${VARIABLE}; write $${ for the characters themselves")
			ok = false
			return ""
		}
		name := m[2 : len(m)-1]
		if name == hubToken {
			r.fail(n, "%s is for the hub alone: give what this needs in a variable of its own", hubToken)
			ok = false
			return ""
		}
		value, found := r.env(name)
		if !found {
			r.fail(n, "the environment has no variable %s", name)
			ok = false
		}
		r.secret = append(r.secret, value)
		return value
	})
	return s, ok
}

// secretive reports whether something at n or below it names a variable, so
// that its value must not be shown.
func secretive(n *yaml.Node, depth int) bool {
	switch {
	case depth > maxDepth:
		return true
	case n.Kind == yaml.AliasNode:
		return secretive(n.Alias, depth+1)
	case n.Kind == yaml.ScalarNode:
		return strings.Contains(n.Value, "${")
	}
	for _, c := range n.Content {
		if secretive(c, depth+1) {
			return true
		}
	}
	return false
}

// nameable returns s with each ${NAME} as plain NAME: a target's default name
// is made of it, because names are recorded and variables are not.
func nameable(s string) string {
	return dollar.ReplaceAllStringFunc(s, func(m string) string {
		return strings.Trim(m[1:], "{}")
	})
}
