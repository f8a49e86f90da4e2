// Package telemetry turns finished runs into spans and metrics and delivers
// them: a pure fold from the tree of steps to spans, one walk for metrics, a
// spool on disk, and an uploader that loses no run while a hub is away. It is
// the only importer of OpenTelemetry's SDK.
package telemetry

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/sonde-media/sonde/probes"
)

// scopeName is the instrumentation scope of all that Sonde sends.
const scopeName = "github.com/sonde-media/sonde"

// A Resource says who observed: what spans and metrics of one agent have in
// common.
type Resource struct {
	Version  string // of the agent
	Instance string // the agent's identity; see [Instance]
	Region   string
	Located  bool // whether Lat and Lon are known
	Lat, Lon float64

	ahead time.Duration // the agent's clock minus the hub's; 0: not told
}

func (r Resource) resource() *resource.Resource {
	attrs := []attribute.KeyValue{
		attribute.String(probes.AttrServiceName, "sonde-agent"),
		attribute.String(probes.AttrServiceVersion, probes.Bounded(r.Version)),
		attribute.String(probes.AttrServiceInstance, probes.Bounded(r.Instance)),
		attribute.String(probes.AttrRegion, probes.Bounded(r.Region)),
	}
	if r.Located {
		attrs = append(attrs, attribute.Float64(probes.AttrLatitude, r.Lat), attribute.Float64(probes.AttrLongitude, r.Lon))
	}
	if r.ahead != 0 {
		attrs = append(attrs, attribute.Int64(probes.AttrClockOff, r.ahead.Milliseconds()))
	}
	return resource.NewSchemaless(attrs...)
}
