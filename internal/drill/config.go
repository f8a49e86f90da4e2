package drill

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Config writes a sonde.yaml with all that agents need to probe the world, but
// for the resolver, which is another for each region; and beside it the roots
// that it names. It returns the path of the file, which is in dir.
func (w *World) Config(dir string) (path string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("write a configuration: %w", err)
	}
	files := map[string][]byte{"ca.pem": w.RootPEM()}
	for i, s := range w.scenario.Stores {
		files[storeFile(i)] = asPEM(w.storeRoot(s))
	}
	files["sonde.yaml"] = []byte(w.yaml(dir))
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return "", fmt.Errorf("write a configuration: %w", err)
		}
	}
	return filepath.Join(dir, "sonde.yaml"), nil
}

func storeFile(i int) string { return fmt.Sprintf("roots-%d.pem", i+1) }

// yaml is the configuration as text. Strings are quoted as Go does it, which
// YAML reads alike.
func (w *World) yaml(dir string) string {
	s := &w.scenario
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# %s: %s", s.Name, s.Title)
	line("allow_private: true # all of it is on this machine")
	line("ca_file: %q", filepath.Join(dir, "ca.pem"))
	line("defaults: {interval: %s, timeout: %s}", s.Interval, s.Timeout)
	if len(s.Stores) > 0 {
		line("roots:")
	}
	for i, store := range s.Stores {
		line("  %q: %q", store.Name, filepath.Join(dir, storeFile(i)))
	}
	line("regions:")
	for _, g := range s.Regions {
		line("  %q: {name: %q, lat: %g, lon: %g}", g.Name, cmp.Or(g.Display, g.Name), g.Lat, g.Lon)
	}
	line("targets:")
	for _, t := range s.Targets {
		line("  - %s: %q", t.Kind, w.target(t))
		line("    name: %q", t.Name)
		if t.Service != "" {
			line("    service: %q", t.Service)
		}
		if len(t.Regions) > 0 {
			line("    regions: [%s]", quoted(t.Regions))
		}
		for _, key := range slices.Sorted(maps.Keys(t.Options)) {
			line("    %s: %s", key, value(t.Options[key]))
		}
	}
	return b.String()
}

func quoted(words []string) string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = strconv.Quote(word)
	}
	return strings.Join(all, ", ")
}

// value is an option as YAML has it: numbers and truths bare, else quoted.
func value(text string) string {
	if _, err := strconv.ParseFloat(text, 64); err == nil || text == "true" || text == "false" {
		return text
	}
	return strconv.Quote(text)
}

// target is the URL that t probes.
func (w *World) target(t Target) string {
	if t.Kind == "page" {
		i := slices.IndexFunc(w.scenario.Pages, func(p Page) bool { return p.Name == t.Of })
		return w.URL(w.scenario.Pages[i].Host, w.scenario.Pages[i].Path)
	}
	one := w.series[t.Of][max(0, t.Number-1)]
	switch {
	case t.Kind == "feed":
		return w.URL(one.Feed, "/"+one.slug+".xml")
	case t.Direct:
		return w.URL(one.Media, one.file(0))
	}
	return w.through(one.Via, one.Media, one.file(0))
}
