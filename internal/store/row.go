package store

import (
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// A Batch is what one request brings. Each row is computable from one span
// alone, so that a run may come in pieces and in any order.
type Batch struct {
	Runs      []Run
	Hops      []Hop
	Fragments []Fragment
	Sightings []Sighting
}

// A Run is a root span as a row.
type Run struct {
	api.Run
	URL    string // of the target, as the agent sent it
	Labels map[string]string
	Hops   int
}

// A Hop is one HTTP exchange, or one asset of a page, as a row.
type Hop struct {
	TraceID, SpanID string // hexadecimal
	Step            string // hop or asset
	Started         time.Time
	Duration        time.Duration
	Region, Agent   string
	Target, Kind    string
	Index           int
	Host, Previous  string // server.address, and that of the hop before
	Address         string // network.peer.address
	Code            string
	Status          int
	Cert            string // SHA-256 in upper-case hexadecimal
	CertNotAfter    string // RFC 3339
	CDN, Role       string
	URL             string
}

// A Fragment is some spans of one run, packed by Pack.
type Fragment struct {
	TraceID string
	Started time.Time // of its earliest span
	Hash    []byte    // of the spans before packing
	Packed  []byte
}

// A Sighting is a sign of life of an agent: a heartbeat or a run.
type Sighting struct {
	Agent, Region, Version string
	Lat, Lon               float64
	Seen                   time.Time
	Beat                   *api.Beat // nil for a run
}

// weight is roughly how many bytes the batch occupies.
func (b *Batch) weight() int64 {
	const row = 512
	n := row * (len(b.Runs) + len(b.Hops) + len(b.Fragments) + len(b.Sightings))
	for _, f := range b.Fragments {
		n += len(f.Packed)
	}
	return int64(n)
}

func (b *Batch) rows() int {
	return len(b.Runs) + len(b.Hops) + len(b.Fragments) + len(b.Sightings)
}
