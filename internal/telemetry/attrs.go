package telemetry

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
)

// What one attribute may take. Strangers write feeds and headers, and a span
// must stay small enough to send.
const (
	maxText = 4 << 10 // bytes of one string
	maxList = 128     // entries of one list
)

// attributes returns facts sorted by key, bounded and in valid UTF-8: one
// stray byte would make the whole request unreadable to its receiver.
func attributes(facts map[string]any) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, len(facts))
	for _, key := range slices.Sorted(maps.Keys(facts)) {
		attrs = append(attrs, attribute.KeyValue{Key: attribute.Key(bounded(key)), Value: value(facts[key])})
	}
	return attrs
}

func value(v any) attribute.Value {
	switch v := v.(type) {
	case string:
		return attribute.StringValue(bounded(v))
	case bool:
		return attribute.BoolValue(v)
	case int:
		return attribute.IntValue(v)
	case int64:
		return attribute.Int64Value(v)
	case float64:
		return attribute.Float64Value(v)
	case []string:
		list := make([]string, 0, min(len(v), maxList))
		for _, text := range v[:min(len(v), maxList)] {
			list = append(list, bounded(text))
		}
		return attribute.StringSliceValue(list)
	default:
		return attribute.StringValue(bounded(fmt.Sprint(v)))
	}
}

// bounded returns text as valid UTF-8 of at most maxText bytes.
func bounded(text string) string {
	if len(text) > maxText {
		const mark = "…"
		end := maxText - len(mark)
		for end > maxText-len(mark)-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + mark
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > maxText { // replacing a byte makes it longer
		return bounded(text)
	}
	return text
}
