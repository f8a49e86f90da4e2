package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"text/template"

	"github.com/sonde-media/sonde/probes"
)

// maxChat bounds the text of a chat's message; Slack cuts longer ones apart.
const maxChat = 4000

const defaultText = `{{.Word}} · {{.Severity}} · {{.Title}}
{{if .Open}}{{.When}}{{with .Hit}} · {{.}}{{end}}{{with .Advice}}
→ {{.}}{{end}}{{else}}{{.When}}{{with .Hit}} · {{.}}{{end}}{{end}}{{with .URL}}
{{.}}{{end}}`

// parseText parses the template of a chat's text.
func parseText(text string) (*template.Template, error) {
	return template.New("text").Option("missingkey=error").Funcs(template.FuncMap{
		"join":   func(list []string, sep string) string { return strings.Join(list, sep) },
		"listed": listed,
	}).Parse(text)
}

// render returns the text that the template makes of m.
func (r *Receiver) render(m Message) (string, error) {
	w := &limited{left: maxChat}
	err := r.text.Execute(w, m.with(harmless))
	if err != nil && !errors.Is(err, errLong) {
		return "", err
	}
	text := strings.TrimSpace(strings.ToValidUTF8(w.String(), ""))
	if err != nil {
		text = probes.Clip(text, maxChat-len("…")) + "…"
	}
	return text, nil
}

// chat is the message that chats take.
func (r *Receiver) chat(m Message) ([]byte, error) {
	text, err := r.render(m)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Text string `json:"text"`
	}{text})
}

var errLong = errors.New("the text is long enough")

// A limited buffer takes so many bytes, then ends who writes.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	l.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errLong
	}
	return n, nil
}
