package telemetry

import (
	"fmt"
	"maps"
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"github.com/sonde-media/sonde/probes"
)

// attributes returns facts sorted by key, bounded and in valid UTF-8: one
// stray byte would make the whole request unreadable to its receiver.
func attributes(facts map[string]any) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, len(facts))
	for _, key := range slices.Sorted(maps.Keys(facts)) {
		attrs = append(attrs, attribute.KeyValue{Key: attribute.Key(probes.Bounded(key)), Value: value(facts[key])})
	}
	return attrs
}

func value(v any) attribute.Value {
	switch v := v.(type) {
	case string:
		return attribute.StringValue(probes.Bounded(v))
	case bool:
		return attribute.BoolValue(v)
	case int:
		return attribute.IntValue(v)
	case int64:
		return attribute.Int64Value(v)
	case float64:
		return attribute.Float64Value(v)
	case []string:
		list := make([]string, 0, min(len(v), probes.MaxList))
		for _, text := range v[:min(len(v), probes.MaxList)] {
			list = append(list, probes.Bounded(text))
		}
		return attribute.StringSliceValue(list)
	default:
		return attribute.StringValue(probes.Bounded(fmt.Sprint(v)))
	}
}
