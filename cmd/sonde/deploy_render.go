package main

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
	"text/template"
)

//go:embed deploy/*.tmpl
var deployFiles embed.FS

// A platform runs agents by a file of its own form.
type platform struct {
	name, suffix string
	long         string
	contained    bool   // in a network of its own
	data         string // directory of the agent's, NAME being the agent's name
	metrics      string // where it serves /metrics, /healthz and /readyz; "": nowhere
}

var (
	docker = platform{
		name: "docker", suffix: "yaml", contained: true, data: "/data/agent", metrics: "127.0.0.1:9464",
		long: `The container is not root, can write to its volume alone, and tells docker
whether it is healthy. Its beginning says how to start it.`,
	}
	systemd = platform{
		name: "systemd", suffix: "service", data: "/var/lib/NAME",
		long: `The unit runs as a user of its own that can write to its state alone, and is
started again however often it ends. Its beginning says how to install it in
one line, which moves the token to a file that only root can read.`,
	}
	kubernetes = platform{
		name: "kubernetes", suffix: "yaml", contained: true, data: "/data/agent", metrics: ":9464",
		long: `They are a secret, a stateful set of one with a claim of 2 GiB for runs that
wait, and a service without address, by which metrics can be scraped.`,
	}
)

// args are the agent's command line.
func (p platform) args(d deployment) []string {
	args := []string{
		"agent", "--region", d.Region, "--hub", d.Hub, "--config", d.Hub + "/api/v1/config",
		"--data", strings.ReplaceAll(p.data, "NAME", d.Name),
	}
	if p.metrics != "" {
		args = append(args, "--metrics", p.metrics)
	}
	return args
}

// render returns the file that runs d. d is checked.
func (p platform) render(d deployment) (string, error) {
	t, err := template.New("").Option("missingkey=error").Funcs(quoting).ParseFS(deployFiles, "deploy/"+p.name+".*")
	if err != nil {
		return "", fmt.Errorf("read the template of %s: %w", p.name, err)
	}
	var b strings.Builder
	err = t.ExecuteTemplate(&b, p.name+"."+p.suffix+".tmpl", struct {
		deployment
		Args    []string
		Metrics string
	}{d, p.args(d), p.metrics})
	return b.String(), err
}

// quoting is how the tools want what they must take as it is. Go's way to
// quote is YAML's and systemd's too: all three know its escapes.
var quoting = template.FuncMap{
	"yaml": strconv.Quote,
	// Compose puts variables into every text, Kubernetes into arguments; both
	// take $$ for $.
	"doubled": func(s string) string {
		return strings.ReplaceAll(strconv.Quote(s), "$", "$$")
	},
	// systemd puts in variables and, for %, what it knows of the unit.
	"argument": func(s string) string {
		return strings.NewReplacer("$", "$$", "%", "%%").Replace(strconv.Quote(s))
	},
	"specifiers": func(s string) string {
		return strings.ReplaceAll(s, "%", "%%")
	},
	// In files of variables a backslash works before these four alone.
	"environment": func(s string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`).Replace(s) + `"`
	},
}
