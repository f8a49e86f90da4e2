package notify

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// Formats of messages.
const (
	FormatAlertmanager = "alertmanager" // JSON as Alertmanager's webhook sends it, version 4
	FormatChat         = "chat"         // {"text": …}, as Slack, Mattermost and others take it
)

// Defaults of Settings.
const (
	DefaultRepeat = 4 * time.Hour
	DefaultGrace  = 10 * time.Minute
)

// Settings say who is told what. Name and URL are required.
type Settings struct {
	Name       string
	URL        string            // http or https; a secret
	Format     string            // "": FormatAlertmanager
	Template   string            // of the text of FormatChat, see [Message]; "": a default
	Severities []string          // told of; empty: all
	Services   []string          // told of, where one of them is hit; empty: all
	Repeat     time.Duration     // an open incident is told again after; 0: never
	MinAge     time.Duration     // an incident is told when it is as old
	Grace      time.Duration     // one that fails again within it after its end is told as the same
	Headers    map[string]string // to send along; their values are secrets
}

// A Receiver is told of incidents.
type Receiver struct {
	Settings
	text *template.Template
}

// NewReceiver checks settings. Errors show neither the URL nor headers.
func NewReceiver(s Settings) (*Receiver, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("notify %s: url: want one that begins with http:// or https://", s.Name)
	}
	s.Format = cmp.Or(s.Format, FormatAlertmanager)
	if s.Format != FormatAlertmanager && s.Format != FormatChat {
		return nil, fmt.Errorf("notify %s: format: want %s or %s, got %q", s.Name, FormatAlertmanager, FormatChat, s.Format)
	}
	r := &Receiver{Settings: s}
	if r.text, err = parseText(cmp.Or(s.Template, defaultText)); err != nil {
		return nil, fmt.Errorf("notify %s: template: %w", s.Name, err)
	}
	for _, m := range samples() { // what a template gets wrong shows only when it is used
		if _, err := r.render(m); err != nil {
			return nil, fmt.Errorf("notify %s: template: %w", s.Name, err)
		}
	}
	return r, nil
}

// wants reports whether r is to be told of i at all.
func (r *Receiver) wants(i *api.Incident) bool {
	if len(r.Severities) > 0 && !slices.Contains(r.Severities, i.Severity) {
		return false
	}
	return len(r.Services) == 0 || slices.ContainsFunc(i.Services, func(s string) bool { return slices.Contains(r.Services, s) })
}

// body is what r is sent.
func (r *Receiver) body(d api.Delivery, hub string) ([]byte, error) {
	m := newMessage(d, hub)
	if r.Format == FormatAlertmanager {
		return webhook(r.Name, d, m)
	}
	return r.chat(m)
}

// hide takes out of text what mustn't be recorded.
func (r *Receiver) hide(text string) string {
	secrets := []string{r.URL}
	if u, err := url.Parse(r.URL); err == nil {
		secrets = append(secrets, u.RequestURI(), u.Path, u.RawQuery, u.User.String())
		for _, values := range u.Query() {
			secrets = append(secrets, values...)
		}
		secrets = append(secrets, strings.Split(u.Path, "/")...)
	}
	for _, v := range r.Headers {
		secrets = append(secrets, v)
		secrets = append(secrets, strings.Fields(v)...)
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, s := range secrets {
		if len(s) >= minSecret {
			text = strings.ReplaceAll(text, s, "REDACTED")
		}
	}
	return text
}

// minSecret keeps words such as "services" legible.
const minSecret = 9
