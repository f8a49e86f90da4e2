package config

import (
	"os"
	"slices"
	"strings"
	"text/template"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/probes"
)

// Bounds of what is told of incidents.
const (
	maxReceivers = 100
	maxHeaders   = 32
	maxTemplate  = 16 << 10 // bytes
	minRepeat    = time.Minute
)

// Formats of messages, and the severities that incidents have.
var (
	notifyFormats    = []string{"alertmanager", "chat"}
	notifySeverities = []string{"critical", "major", "warning"}
)

// A Receiver is told of incidents by the hub. Its URL and the values of its
// headers are secrets.
type Receiver struct {
	Name, URL  string
	Format     string // alertmanager or chat
	Template   string // Go's text/template, "" for the default; names no variables
	Severities []string
	Services   []string
	Repeat     *time.Duration // nil: the default
	MinAge     time.Duration
	Grace      *time.Duration // nil: the default
	Headers    map[string]string
}

// Notify is what a hub needs of a configuration to tell of incidents.
type Notify struct {
	Hub       string // URL, "" where the file leaves it out
	Receivers []Receiver
}

// LoadNotify reads of the configuration at path what a hub needs to tell of
// incidents, with the variables of this process. The rest of the file need not
// be right.
func LoadNotify(path string) (n Notify, err error) {
	data, err := readFile(path, MaxBytes)
	if err != nil {
		return n, Errors{{File: path, Message: err.Error()}}
	}
	x := text{name: path, data: data, env: os.LookupEnv, kinds: kinds}
	r := x.reader()
	var doc *yaml.Node
	if l, ok := layOut(data, pieceBytes); ok { // without the targets, which may be very many
		doc = r.document(l.rest)
	}
	if doc == nil {
		r = x.reader()
		doc = r.document(data)
	}
	if doc != nil {
		r.fields(doc, []field{
			{"hub", func(v *yaml.Node) { n.Hub = r.url(v) }},
			{"notify", func(v *yaml.Node) { n.Receivers = r.receivers(v) }},
		})
	}
	return n, r.errors()
}

// notify checks who is told of incidents, and reports whether anybody is. The
// variables are the hub's: who else reads the file needs none of them.
func (r *reader) notify(n *yaml.Node) bool {
	env, lenient, secret := r.env, r.lenient, r.secret
	defer func() { r.env, r.lenient, r.secret = env, lenient, secret }()
	r.env, r.lenient = anyVariable, true
	r.receivers(n)
	return true
}

func (r *reader) receivers(n *yaml.Node) (all []Receiver) {
	for _, item := range r.list(n, "a list of receivers", maxReceivers) {
		before := r.count()
		one := r.receiver(item)
		if slices.ContainsFunc(all, func(o Receiver) bool { return o.Name == one.Name }) && one.Name != "" {
			r.fail(r.follow(item), "a second receiver %s", show(one.Name))
		}
		if r.count() == before {
			all = append(all, one)
		}
	}
	return all
}

func (r *reader) receiver(n *yaml.Node) (one Receiver) {
	one.Format = notifyFormats[0]
	n = r.follow(n)
	r.only(n, []field{
		{"name", func(n *yaml.Node) { one.Name = r.word(n) }},
		{"url", func(n *yaml.Node) { one.URL = r.url(n) }},
		{"format", func(n *yaml.Node) { one.Format = r.choice(n, notifyFormats) }},
		{"template", func(n *yaml.Node) { one.Template = r.template(n) }},
		{"severities", func(n *yaml.Node) { one.Severities = r.severities(n) }},
		{"services", func(n *yaml.Node) { one.Services = r.words(n) }},
		{"repeat", func(n *yaml.Node) { one.Repeat = r.orNever(n, minRepeat) }},
		{"min_age", func(n *yaml.Node) { one.MinAge = *r.orNever(n, 0) }},
		{"grace", func(n *yaml.Node) { one.Grace = r.orNever(n, 0) }},
		{"headers", func(n *yaml.Node) { one.Headers = r.headers(n) }},
	})
	if one.Template != "" && one.Format != "chat" {
		r.fail(n, "template goes with format: chat")
	}
	for _, key := range []string{"name", "url"} {
		if n.Kind == yaml.MappingNode && value(n.Content, key) == nil {
			r.fail(n, "%s is missing", key)
		}
	}
	return one
}

// orNever reads a duration of low or more, or 0.
func (r *reader) orNever(n *yaml.Node, low time.Duration) *time.Duration {
	d := time.Duration(0)
	if v := r.follow(n).Value; v != "0" && v != "0s" {
		d = r.duration(n, low)
	}
	return &d
}

// choice reads one of a few words.
func (r *reader) choice(n *yaml.Node, of []string) string {
	s, ok := r.text(n)
	if ok && !slices.Contains(of, s) {
		r.fail(r.follow(n), "want %s, got %s%s", strings.Join(of, " or "), show(s), hint(s, of))
	}
	return s
}

func (r *reader) severities(n *yaml.Node) (all []string) {
	for _, item := range r.list(n, "a list of severities", len(notifySeverities)) {
		all = append(all, r.choice(item, notifySeverities))
	}
	return all
}

func (r *reader) words(n *yaml.Node) (all []string) {
	for _, item := range r.list(n, "a list of names", maxChoices) {
		all = append(all, r.word(item))
	}
	return all
}

// template reads a template as it stands: it has variables of its own.
func (r *reader) template(n *yaml.Node) string {
	n = r.follow(n)
	if n.ShortTag() != "!!str" {
		r.want(n, "text")
		return ""
	}
	if len(n.Value) > maxTemplate {
		r.fail(n, "longer than %d bytes", maxTemplate)
	}
	funcs := template.FuncMap{"join": strings.Join, "listed": func([]string) string { return "" }}
	if _, err := template.New("template").Funcs(funcs).Parse(n.Value); err != nil {
		r.fail(n, "%s", strings.TrimPrefix(err.Error(), "template: "))
	}
	return n.Value
}

func (r *reader) headers(n *yaml.Node) map[string]string {
	entries := r.mapping(n)
	if len(entries) > maxHeaders {
		r.fail(n, "%d headers; at most %d are sent", len(entries), maxHeaders)
		return nil
	}
	all := map[string]string{}
	for _, e := range entries {
		if e.key == "" || strings.ContainsFunc(e.key, notToken) {
			r.fail(e.at, "%s is no name of a header", show(e.key))
		}
		all[e.key] = r.header(e.value)
	}
	return all
}

// notToken reports whether a header's name can't have c: RFC 9110, 5.6.2.
func notToken(c rune) bool {
	return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}

// veilNotify hides the secrets of who is told of incidents.
func veilNotify(n *yaml.Node) {
	for _, one := range n.Content {
		if u := value(one.Content, "url"); u != nil && variable.ReplaceAllString(u.Value, "") != "" {
			u.Value = veilHook(u.Value)
		}
		if h := value(one.Content, "headers"); h != nil {
			for i := 1; i < len(h.Content); i += 2 {
				h.Content[i].Value = veilText(h.Content[i].Value)
			}
		}
	}
}

// veilHook hides of a webhook's URL all but the host: often the path is the
// secret.
func veilHook(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return probes.Redacted
	}
	host, _, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	host, _, _ = strings.Cut(host, "?")
	return scheme + "://" + host + "/" + probes.Redacted
}

// notifyProperties are the keys of who is told.
func notifyProperties() []property {
	return []property{
		{"name", textValue, "Name, unique in the list. Required, no default."},
		{"url", urlText, "Where messages are sent by POST; a secret, never logged. Required, no default."},
		{"format", schema{"type": "string", "enum": notifyFormats}, "alertmanager: JSON as Alertmanager's webhook sends it; chat: {\"text\": …}, as Slack and Mattermost take it. Default: alertmanager."},
		{"template", textValue, "Text of format chat, in Go's text/template over an incident: {{.Title}}, {{.Severity}}, {{.Word}}, {{.When}}, {{.Hit}}, {{join .Regions \", \"}}, {{.URL}}. Default: these in two lines, and what to do."},
		{"severities", list(schema{"type": "string", "enum": notifySeverities}, len(notifySeverities)), "Severities to tell of. Default: all."},
		{"services", nameList, "Services to tell of, where one of them is hit. Default: all."},
		{"repeat", periodOrOff, "Tell again of an incident that is open so long, 1m or more; 0: never. Default: 4h."},
		{"min_age", periodOrOff, "Tell of incidents that have lasted so long. Default: 0."},
		{"grace", periodOrOff, "An incident that fails again within it is told as the same, and then must be over for as long before that is told again. Default: 10m."},
		{"headers", schema{"type": "object", "additionalProperties": textValue, "maxProperties": maxHeaders}, "Headers to send along; their values are secrets, such as Bearer ${TOKEN}. Default: none."},
	}
}
