package config

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/probes"
)

// veil hides in the target n what its runs don't record: its secrets, and of
// its URL user info and the values of the query. Variables stand by their
// names.
func veil(n *yaml.Node) {
	var secrets []string
	if list := value(n.Content, "secrets"); list != nil {
		for _, s := range list.Content {
			if !variable.MatchString(s.Value) {
				secrets = append(secrets, strings.ReplaceAll(s.Value, "$$", "$"))
			}
		}
	}
	record := value(n.Content, "record_query")
	for i := 0; i+1 < len(n.Content); i += 2 {
		url := kindNamed(n.Content[i].Value)
		if url && (record == nil || record.Value != "true") {
			n.Content[i+1].Value = veilURL(n.Content[i+1].Value)
		}
		hideIn(n.Content[i+1], probes.Target{Secrets: secrets}, 0)
	}
}

func kindNamed(name string) bool {
	for _, k := range kinds {
		if k.name == name {
			return true
		}
	}
	return false
}

// hideIn hides t's secrets in all texts of n.
func hideIn(n *yaml.Node, t probes.Target, depth int) {
	if n.Kind == yaml.ScalarNode && len(t.Secrets) > 0 {
		n.Value = t.Hide(n.Value)
	}
	if depth > maxDepth {
		return
	}
	for _, c := range n.Content {
		hideIn(c, t, depth+1)
	}
}

var userInfo = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*://)([^/?#]*)@`)

// veilURL hides user info and the values of the query in a URL as the
// configuration writes it, but for variables.
func veilURL(raw string) string {
	if m := userInfo.FindStringSubmatch(raw); m != nil {
		user, password, both := strings.Cut(m[2], ":")
		info := veilText(user)
		if both {
			info += ":" + veilText(password)
		}
		raw = m[1] + info + "@" + raw[len(m[0]):]
	}
	rest, _, _ := strings.Cut(raw, "#") // fragments are not recorded either
	path, query, asked := strings.Cut(rest, "?")
	if !asked {
		return rest
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if key, v, ok := strings.Cut(pair, "="); ok {
			pairs[i] = key + "=" + veilText(v)
		} else {
			pairs[i] = veilText(pair) // such as a bare token
		}
	}
	return path + "?" + strings.Join(pairs, "&")
}

// veilText hides s unless it is made of variables alone.
func veilText(s string) string {
	if variable.ReplaceAllString(s, "") == "" {
		return s
	}
	return probes.Redacted
}
