package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/sonde-media/sonde/probes"
)

// A schema is what JSON Schema, draft 7, says of a value: the draft that
// editors read.
type schema map[string]any

// A property is a key of a mapping.
type property struct {
	key   string
	value schema
	about string // with unit and default
}

// Schema returns the JSON schema of a configuration, for editors.
func Schema() ([]byte, error) {
	root := mapping(rootProperties())
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "sonde.yaml"
	root["description"] = "What Sonde probes, from where and how often. Texts may name environment variables as ${NAME}."
	root["anyOf"] = []schema{{"required": []string{"targets"}}, {"required": []string{"include"}}}
	return json.MarshalIndent(root, "", "  ")
}

// mapping is a mapping with these keys and no others.
func mapping(list []property) schema {
	properties := map[string]schema{}
	for _, p := range list {
		properties[p.key] = p.value.described(p.about)
	}
	return schema{"type": "object", "properties": properties, "additionalProperties": false}
}

func (s schema) described(about string) schema {
	s = maps.Clone(s)
	if about != "" {
		s["description"] = about
	}
	return s
}

// required is s, a mapping that must have these keys.
func required(s schema, keys ...string) schema {
	s["required"] = keys
	return s
}

// byName is a mapping of names to items.
func byName(item schema) schema {
	item = maps.Clone(item)
	item["type"] = []string{"object", "null"}
	return schema{"type": []string{"object", "null"}, "additionalProperties": item}
}

func list(item schema, most int) schema {
	return schema{"type": "array", "items": item, "maxItems": most}
}

func oneOf(values ...schema) schema { return schema{"anyOf": values} }

const hasVariable = `\$\{[A-Za-z_][A-Za-z0-9_]*\}`

// What values are made of. A text may be a variable's.
var (
	textValue   = schema{"type": "string"}
	truth       = schema{"type": "boolean"}
	urlText     = schema{"type": "string", "pattern": `^[hH][tT][tT][pP][sS]?://|` + hasVariable}
	period      = schema{"type": "string", "pattern": `^\+?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$|` + hasVariable}
	periodOrOff = oneOf(period, schema{"const": 0})
	size        = oneOf(schema{"type": "integer", "minimum": 1}, schema{"type": "string", "pattern": `^[0-9.]+\s*([kMGT]?B|[KMGT]iB)?$|` + hasVariable})
	address     = schema{"type": "string", "pattern": `^.+:[0-9]+$|` + hasVariable}
	nameList    = list(textValue, maxChoices)
	placeList   = schema{"type": "array", "items": textValue, "minItems": 1, "maxItems": maxPlaces, "uniqueItems": true}
	labelsValue = schema{"type": []string{"object", "null"}, "propertyNames": schema{"pattern": labelKey.String()}, "additionalProperties": textValue, "maxProperties": maxLabels}
)

func number(low, high float64) schema {
	return schema{"type": "number", "minimum": low, "maximum": high}
}

// targetSchema is that of a target of any kind.
func targetSchema() schema {
	var each []schema
	for _, k := range kinds {
		url := property{k.name, urlText, kindAbout[k.name]}
		s := mapping(slices.Concat([]property{url}, commonProperties(), optionProperties(k)))
		s["required"] = []string{k.name}
		each = append(each, s)
	}
	return oneOf(each...)
}

// includeSchema is that of an include. It may have the options of any kind.
func includeSchema() schema {
	all := slices.DeleteFunc(commonProperties(), func(p property) bool { return p.key == "name" })
	for _, k := range kinds {
		for _, p := range optionProperties(k) {
			if !slices.ContainsFunc(all, func(q property) bool { return q.key == p.key }) {
				all = append(all, p)
			}
		}
	}
	s := mapping(append(all, includeProperties()...))
	var files []schema
	for _, form := range slices.Sorted(maps.Keys(forms)) {
		files = append(files, schema{"required": []string{form}})
	}
	s["oneOf"] = files
	return s
}

// optionProperties are the options of a kind, from the struct that holds them.
func optionProperties(k kind) []property {
	return properties(k.name, reflect.TypeOf(k.defaults), defaultOptions()[k.name])
}

// defaultOptions are the options of a target that names none, by kind, as the
// configuration writes them.
var defaultOptions = sync.OnceValue(func() map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, k := range kinds {
		all[k.name] = optionsOf(k)
	}
	return all
})

// optionsOf are k's default options without those that are nothing.
func optionsOf(k kind) map[string]any {
	all := map[string]any{}
	text, err := json.Marshal(k.defaults)
	if err != nil || json.Unmarshal(text, &all) != nil {
		panic(fmt.Sprintf("options of %s are no JSON: %v", k.name, err))
	}
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil || v == "" })
	for f := range reflect.TypeOf(k.defaults).Fields() {
		key := f.Tag.Get("json")
		if n, ok := all[key].(float64); ok && f.Type == reflect.TypeFor[probes.Bytes]() {
			all[key] = sizeWord(int64(n))
		}
	}
	return all
}

func properties(path string, t reflect.Type, defaults map[string]any) (all []property) {
	for f := range t.Fields() {
		if f.Anonymous {
			all = append(all, properties(path, f.Type, defaults)...)
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key == "" || key == "-" {
			continue
		}
		value := optionSchema(path+"."+key, f.Type, defaults[key])
		about := optionAbout[path+"."+key]
		if about == "" { // of more kinds than one
			about = optionAbout[key]
		}
		if d, ok := defaults[key]; ok && !strings.Contains(about, "Default") {
			value["default"] = d
			about += " Default: " + defaultWord(d) + "."
		}
		all = append(all, property{key, value, about})
	}
	return all
}

// optionSchema is that of an option of Go's type t.
func optionSchema(path string, t reflect.Type, d any) schema {
	if t == reflect.TypeFor[probes.Bytes]() {
		return maps.Clone(size)
	}
	s := schema{}
	switch t.Kind() {
	case reflect.Bool:
		s["type"] = "boolean"
	case reflect.Int, reflect.Int64:
		s["type"] = "integer"
	case reflect.Float64:
		s["type"] = "number"
	case reflect.String:
		s["type"] = "string"
	case reflect.Slice:
		s["type"], s["items"] = "array", optionSchema(path+".", t.Elem(), nil)
	case reflect.Struct:
		of, _ := d.(map[string]any)
		s = mapping(properties(strings.TrimSuffix(path, "."), t, of))
	default:
		panic(fmt.Sprintf("option %s: no schema for %v", path, t))
	}
	maps.Copy(s, optionBounds[path[strings.Index(path, ".")+1:]])
	return s
}

// defaultWord writes the default d for people.
func defaultWord(d any) string {
	m, ok := d.(map[string]any)
	if !ok {
		return fmt.Sprint(d)
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %v", key, m[key]))
	}
	return strings.Join(parts, ", ")
}

func sizeWord(n int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n%unit.size == 0 {
			return fmt.Sprintf("%d %s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
