package dashboards_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
)

// A manifest is plugin.json by the schema that Grafana documents for it, as far
// as a data source of ours needs it: no key beside these is allowed.
type manifest struct {
	Type string `json:"type"`
	Name string `json:"name"`
	ID   string `json:"id"`
	Info struct {
		Description string   `json:"description"`
		Keywords    []string `json:"keywords"`
		Version     string   `json:"version"`
		Updated     string   `json:"updated"`
		Author      struct {
			Name  string `json:"name"`
			Email string `json:"email"`
			URL   string `json:"url"`
		} `json:"author"`
		Logos struct {
			Small string `json:"small"`
			Large string `json:"large"`
		} `json:"logos"`
		Links []struct {
			Name string `json:"name"`
			URL  string `json:"url"`
		} `json:"links"`
		Screenshots []struct {
			Name string `json:"name"`
			Path string `json:"path"`
		} `json:"screenshots"`
	} `json:"info"`
	Dependencies struct {
		Grafana string `json:"grafanaDependency"`
		Plugins []struct {
			ID      string `json:"id"`
			Type    string `json:"type"`
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"plugins"`
	} `json:"dependencies"`
	Backend     bool   `json:"backend"`
	Executable  string `json:"executable"`
	Metrics     bool   `json:"metrics"`
	Logs        bool   `json:"logs"`
	Tracing     bool   `json:"tracing"`
	Alerting    bool   `json:"alerting"`
	Annotations bool   `json:"annotations"`
	Streaming   bool   `json:"streaming"`
	Category    string `json:"category"`
}

// readManifest returns what text says, or all that the schema refuses of it.
func readManifest(text []byte) (m manifest, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, err
	}
	errs := []error{m.words()}
	for _, link := range m.Info.Links {
		errs = append(errs, absolute(link.URL))
	}
	if m.Info.Author.URL != "" {
		errs = append(errs, absolute(m.Info.Author.URL))
	}
	if len(m.Info.Keywords) == 0 {
		errs = append(errs, errors.New("keywords: none"))
	}
	categories := []string{"tsdb", "logging", "cloud", "tracing", "profiling", "sql", "enterprise", "iot", "other"}
	if m.Category != "" && !slices.Contains(categories, m.Category) {
		errs = append(errs, fmt.Errorf("category: %q", m.Category))
	}
	return m, errors.Join(errs...)
}

// words checks the texts that must be there, by their form.
func (m manifest) words() error {
	var errs []error
	for what, form := range map[string][2]string{
		"type":              {m.Type, `^(app|datasource|panel|renderer|secretsmanager|transformer)$`},
		"name":              {m.Name, `.`},
		"id":                {m.ID, `^[0-9a-z]+-([0-9a-z]+-)?(app|panel|datasource|secretsmanager|transformer)$`},
		"small logo":        {m.Info.Logos.Small, `.`},
		"large logo":        {m.Info.Logos.Large, `.`},
		"version":           {m.Info.Version, `^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$`},
		"updated":           {m.Info.Updated, `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`},
		"grafanaDependency": {m.Dependencies.Grafana, `^(<=|>=|<|>|=|~|\^)?[0-9]+(\.[0-9x*]+){1,2}$`},
	} {
		if !regexp.MustCompile(form[1]).MatchString(form[0]) {
			errs = append(errs, fmt.Errorf("%s: got %q, want the form %s", what, form[0], form[1]))
		}
	}
	return errors.Join(errs...)
}

func absolute(link string) error {
	u, err := url.Parse(link)
	if err == nil && !u.IsAbs() {
		err = fmt.Errorf("%q is no absolute URL", link)
	}
	return err
}
