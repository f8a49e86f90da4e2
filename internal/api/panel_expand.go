package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// everything is what Grafana puts in the place of a variable whose value is All.
const everything = "$__all"

// unresolved finds the variables that Grafana knew nothing of: $name, ${name}
// and [[name]].
var unresolved = regexp.MustCompile(`\$[A-Za-z_]\w*|\$\{[A-Za-z_][^}]*\}|\[\[[A-Za-z_][^\]]*\]\]`)

// Expand returns q with each filter as single values. One that came of a
// variable holds several in one text: a,b or {a,b} or ["a","b"]. All, like
// nothing, selects everything. A variable that is still there is an error.
func (q PanelQuery) Expand() (PanelQuery, error) {
	var errs []error
	for name, list := range map[string]*[]string{
		"regions": &q.Regions, "services": &q.Services, "targets": &q.Targets, "kinds": &q.Kinds,
		"outcomes": &q.Outcomes, "codes": &q.Codes, "culprits": &q.Culprits,
	} {
		values, err := expand(*list)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		*list = values
	}
	// A map has no order, and a person reads the same message twice.
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	q.TraceID = strings.ToLower(strings.TrimSpace(q.TraceID))
	if err := resolved(q.TraceID); err != nil {
		errs = append(errs, fmt.Errorf("traceId: %w", err))
	}
	return q, errors.Join(errs...)
}

func expand(list []string) ([]string, error) {
	var all []string
	for _, text := range list {
		values, err := several(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		if slices.Contains(values, everything) {
			return nil, nil
		}
		all = append(all, values...)
	}
	all = slices.DeleteFunc(all, func(v string) bool { return v == "" })
	slices.Sort(all)
	return slices.Compact(all), nil
}

// several returns the values in one text. Of a text with commas it can't be
// seen whether it is several values or one that has commas, so either is
// selected; ${name:json} leaves no doubt.
func several(text string) (values []string, err error) {
	if strings.HasPrefix(text, "[") && json.Unmarshal([]byte(text), &values) == nil {
		return values, nil
	}
	if text == everything {
		return []string{text}, nil
	}
	if err := resolved(strings.ReplaceAll(text, everything, "")); err != nil {
		return nil, err
	}
	list, ok := strings.CutPrefix(text, "{")
	if list, closed := strings.CutSuffix(list, "}"); ok && closed {
		return split(list), nil
	}
	if strings.Contains(text, ",") {
		return append(split(text), text), nil
	}
	return []string{text}, nil
}

func split(list string) []string {
	values := strings.Split(list, ",")
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	return values
}

func resolved(text string) error {
	if name := unresolved.FindString(text); name != "" {
		return fmt.Errorf("the variable %s has no value: is there one of this name on the dashboard?", name)
	}
	return nil
}
