package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// A sighting is the newest that is known of an agent in a region.
type sighting struct {
	api.Agent
	lat, lon float64
	beat     time.Time // of the heartbeat that told the number of targets
}

// Agents returns who reported in the range, by run or heartbeat. Of the query
// it heeds the range and the regions.
func (s *Store) Agents(ctx context.Context, q api.Query) (api.Agents, error) {
	a := api.Agents{Agents: []api.Agent{}}
	sel, err := selecting(q)
	if err != nil {
		return a, err
	}
	all, err := s.sightings(ctx, sel)
	if err != nil {
		return a, err
	}
	for _, g := range all {
		if len(sel.Regions) == 0 || slices.Contains(sel.Regions, g.Region) {
			a.Agents = append(a.Agents, g.Agent)
		}
	}
	slices.SortFunc(a.Agents, func(x, y api.Agent) int {
		return cmp.Or(cmp.Compare(x.Region, y.Region), cmp.Compare(x.Agent, y.Agent))
	})
	return a, nil
}

// sightings returns the newest sighting in the range of each agent and region,
// oldest first.
func (s *Store) sightings(ctx context.Context, sel *selection) ([]sighting, error) {
	type key struct{ agent, region string }
	newest := map[key]*sighting{}
	query := `SELECT agent, region, seen, version, lat, lon, beat_at, targets FROM agents
		WHERE seen >= ? AND minute * 60000000000 < ? ORDER BY seen DESC`
	err := s.each(ctx, sel.From, sel.To, func(d *snapshot) error {
		return d.rows(ctx, query, []any{sel.From.UnixNano(), sel.To.UnixNano()}, func(rows *sql.Rows) error {
			var g sighting
			var seen, beat int64
			err := rows.Scan(&g.Agent.Agent, &g.Region, &seen, &g.Version, &g.lat, &g.lon, &beat, &g.Targets)
			g.LastSeen, g.beat = at(seen), at(beat)
			k := key{g.Agent.Agent, g.Region}
			switch n := newest[k]; {
			case n == nil:
				newest[k] = &g
			case g.beat.After(n.beat):
				n.beat, n.Targets = g.beat, g.Targets
			}
			return err
		})
	})
	all := make([]sighting, 0, len(newest))
	for _, g := range newest {
		all = append(all, *g)
	}
	slices.SortFunc(all, func(x, y sighting) int {
		return cmp.Or(x.LastSeen.Compare(y.LastSeen), cmp.Compare(x.Agent.Agent, y.Agent.Agent))
	})
	return all, err
}
