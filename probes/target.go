package probes

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A Target names one thing to probe and how often.
type Target struct {
	Name        string            // unique in a configuration; see [DefaultName]
	Kind        string            // feed, enclosure or page
	URL         string            // absolute, http or https
	Service     string            // the named group it belongs to, or ""
	Labels      map[string]string // the operator's own, recorded as sonde.label.*
	Interval    time.Duration     // from the start of a run to the next; 0 for a single run
	Timeout     time.Duration     // for a whole run; 0 means DefaultTimeout
	Confirm     time.Duration     // from a failed run that follows one that didn't fail to a second run, which confirms it; 0: none
	Paused      bool              // not probed at all
	Windows     []Window          // not probed while in any of these
	RecordQuery bool              // record URLs with user info and query values
	Secrets     []string          // texts of four bytes or more that are never recorded, such as a path's token
	Options     Options           // of its kind
}

// A Window is a time that comes again and again, such as one of maintenance.
type Window interface {
	// Until returns when the occurrence that t lies in ends, the zero time
	// where t lies in none.
	Until(t time.Time) time.Time
}

// DefaultTimeout bounds a run whose target has no timeout of its own.
const DefaultTimeout = 30 * time.Second

// DefaultInterval is the time from one run of a target to its next.
const DefaultInterval = time.Minute

// DefaultName returns host and path of rawURL, the name of a target that was
// given none. A URL that can't be parsed is its own name, as far as it may be
// recorded.
func DefaultName(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return head(rawURL)
	}
	return u.Host + strings.TrimSuffix(u.EscapedPath(), "/")
}

// Options are a kind's own settings as the configuration has them. Values are
// those of encoding/json: bool, float64, string, []any, map[string]any, and
// int besides.
type Options map[string]any

// An OptionError says what is wrong with one option of a target.
type OptionError struct {
	Key string
	Err error
}

func (e *OptionError) Error() string { return e.Key + ": " + e.Err.Error() }
func (e *OptionError) Unwrap() error { return e.Err }

// Decode sets the fields of the struct that into points to, by their json
// tags, those of embedded structs included. Every unknown key and every value of a wrong type is reported: the
// error joins one [*OptionError] each. What it doesn't name is left as it is,
// so into may hold defaults.
func (o Options) Decode(into any) error {
	fields := optionFields(reflect.ValueOf(into).Elem())
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(o)) {
		f, ok := fields[key]
		if !ok {
			errs = append(errs, &OptionError{key, fmt.Errorf("unknown key; known are %s", strings.Join(slices.Sorted(maps.Keys(fields)), ", "))})
			continue
		}
		text, err := json.Marshal(o[key])
		if err == nil {
			err = json.Unmarshal(text, f.Addr().Interface())
		}
		if err != nil {
			errs = append(errs, &OptionError{key, fmt.Errorf("want %s, got %s", typeWord(f.Type()), text)})
		}
	}
	return errors.Join(errs...)
}

func optionFields(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			maps.Copy(fields, optionFields(v.Field(i)))
			continue
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			fields[name] = v.Field(i)
		}
	}
	return fields
}

func typeWord(t reflect.Type) string {
	if t == reflect.TypeFor[Bytes]() {
		return SizeWords
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Map:
		return "a mapping"
	default:
		return "text"
	}
}
