package hub

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sonde-media/sonde/internal/api"
)

// maxFleetRegions bounds the series of agents: strangers name regions where
// nobody is asked for a token. Those past it are counted as one.
const (
	maxFleetRegions = 1000
	otherRegions    = "other"
)

// What is told of agents by region, as they are when it is asked for.
var (
	fleetAgents = prometheus.NewDesc("sonde_hub_agents",
		"Agents known within a day, by whether they give signs of life: silent is none for three of their heartbeats.", []string{"region", "state"}, nil)
	fleetSeen = prometheus.NewDesc("sonde_hub_agent_last_seen_seconds",
		"Time since the newest sign of life of any agent of the region.", []string{"region"}, nil)
	fleetSpool = prometheus.NewDesc("sonde_hub_agent_spool_bytes",
		"Bytes in the spools of the region's agents, by their newest heartbeats.", []string{"region"}, nil)
	fleetSpoolAge = prometheus.NewDesc("sonde_hub_agent_spool_age_seconds",
		"Age of the oldest in a spool of the region's agents, by their newest heartbeats.", []string{"region"}, nil)
	fleetMissed = prometheus.NewDesc("sonde_hub_agent_missed_runs",
		"Runs that were due and not started since the region's agents started, by their newest heartbeats.", []string{"region"}, nil)
	fleetOffset = prometheus.NewDesc("sonde_hub_agent_clock_offset_seconds",
		"Clock of the region's agent that is furthest off, minus the hub's.", []string{"region"}, nil)
)

// metrics serves the hub's numbers, those of agents, and those of gather.
func (h *Hub) metrics(gather prometheus.Gatherers) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		all, err := h.agents(r.Context(), api.Query{To: now})
		if err != nil { // the other numbers say more than none
			h.log.Warn("agents not counted", "err", err)
		}
		registry := prometheus.NewRegistry()
		registry.MustRegister(newFleet(all.Agents, now))
		both := append(gather[:len(gather):len(gather)], registry)
		promhttp.HandlerFor(both, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, r)
	})
}

// A fleetRegion is what is told of a region.
type fleetRegion struct {
	reporting, silent int
	seen              time.Time
	spool, missed     int64
	spoolAge, offset  float64
}

// A fleet is a collector of what one answer told.
type fleet struct {
	now     time.Time
	regions map[string]*fleetRegion
}

func newFleet(agents []api.Agent, now time.Time) *fleet {
	f := &fleet{now, map[string]*fleetRegion{}}
	for _, a := range agents {
		f.region(a.Region).add(a)
	}
	return f
}

func (f *fleet) region(name string) *fleetRegion {
	if f.regions[name] == nil && len(f.regions) >= maxFleetRegions {
		name = otherRegions
	}
	if f.regions[name] == nil {
		f.regions[name] = &fleetRegion{}
	}
	return f.regions[name]
}

func (r *fleetRegion) add(a api.Agent) {
	if a.Silent {
		r.silent++
	} else {
		r.reporting++
	}
	if a.LastSeen.After(r.seen) {
		r.seen = a.LastSeen
	}
	r.spool += a.SpoolBytes
	r.missed += a.Missed
	r.spoolAge = max(r.spoolAge, a.SpoolAge)
	if offset := milliseconds(a.ClockOffset); offset.Abs() > time.Duration(r.offset*float64(time.Second)).Abs() {
		r.offset = offset.Seconds()
	}
}

// Describe tells nothing: regions come and go.
func (f *fleet) Describe(chan<- *prometheus.Desc) {}

// Collect sends what is told of all regions.
func (f *fleet) Collect(to chan<- prometheus.Metric) {
	for name, r := range f.regions {
		tell := func(d *prometheus.Desc, value float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, append([]string{name}, labels...)...)
		}
		tell(fleetAgents, float64(r.reporting), "reporting")
		tell(fleetAgents, float64(r.silent), "silent")
		tell(fleetSeen, max(0, f.now.Sub(r.seen).Seconds()))
		tell(fleetSpool, float64(r.spool))
		tell(fleetSpoolAge, r.spoolAge)
		tell(fleetMissed, float64(r.missed))
		tell(fleetOffset, r.offset)
	}
}
