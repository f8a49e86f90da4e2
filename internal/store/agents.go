package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// A sighting is the newest that is known of an agent in a region.
type sighting struct {
	api.Agent
	lat, lon float64
}

// remembered is how long an agent is known that has fallen silent.
const remembered = 24 * time.Hour

// Agents returns who reported in the range, or in the day before its end, by
// run or heartbeat. Of the query it heeds the range and the regions.
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

// A seen is who was seen where.
type seen struct{ agent, region string }

// sightings returns the newest sighting of each agent and region, oldest
// first: until the range's end, and since its begin or a day before the end.
func (s *Store) sightings(ctx context.Context, sel *selection) ([]sighting, error) {
	from, to := sel.From, sel.To
	if day := to.Add(-remembered); day.Before(from) {
		from = day
	}
	newest := map[seen]*sighting{}
	err := s.each(ctx, from, to, func(d *snapshot) error {
		return d.sightings(ctx, to, func(g *sighting) {
			switch n := newest[seen{g.Agent.Agent, g.Region}]; {
			case n == nil && !g.LastSeen.Before(from):
				newest[seen{g.Agent.Agent, g.Region}] = g
			case n != nil && n.Heartbeat == nil:
				n.Beat = g.Beat
			}
		})
	})
	all := make([]sighting, 0, len(newest))
	for _, g := range newest {
		g.Judge(to)
		all = append(all, *g)
	}
	slices.SortFunc(all, func(x, y sighting) int {
		return cmp.Or(x.LastSeen.Compare(y.LastSeen), cmp.Compare(x.Agent.Agent, y.Agent.Agent))
	})
	return all, err
}

// An agent has a row a minute; these find the newest of one agent each by one
// step into the key, however long the day is.
const (
	agentColumns = "SELECT agent, region, seen, version, lat, lon, beat_at, targets, beat FROM agents "
	lastAgent    = agentColumns + "ORDER BY agent DESC, region DESC, minute DESC LIMIT 1"
	nextAgent    = agentColumns + "WHERE (agent, region) < (?, ?) ORDER BY agent DESC, region DESC, minute DESC LIMIT 1"
	agentUntil   = agentColumns + "WHERE agent = ? AND region = ? AND seen < ? ORDER BY minute DESC LIMIT 1"
	beatUntil    = agentColumns + "WHERE agent = ? AND region = ? AND beat_at > 0 AND beat_at < ? ORDER BY minute DESC LIMIT 1"
)

// sightings calls f with the newest sighting of each agent and region before
// to, with the newest heartbeat of the day.
func (s *snapshot) sightings(ctx context.Context, to time.Time, f func(*sighting)) error {
	stmts := map[string]*sql.Stmt{} // the transaction closes them
	ask := func(query string, args ...any) (*sighting, error) {
		stmt := stmts[query]
		if stmt == nil {
			var err error
			if stmt, err = s.PrepareContext(ctx, query); err != nil {
				return nil, err
			}
			stmts[query] = stmt
		}
		return scanSighting(stmt.QueryRowContext(ctx, args...))
	}
	g, err := ask(lastAgent)
	for g != nil && err == nil {
		key := seen{g.Agent.Agent, g.Region}
		if !g.LastSeen.Before(to) {
			g, err = ask(agentUntil, key.agent, key.region, to.UnixNano())
		}
		if g != nil && g.Heartbeat == nil && err == nil {
			var beat *sighting
			if beat, err = ask(beatUntil, key.agent, key.region, to.UnixNano()); beat != nil {
				g.Beat = beat.Beat
			}
		}
		if g != nil && err == nil {
			f(g)
		}
		if err == nil {
			g, err = ask(nextAgent, key.agent, key.region)
		}
	}
	return err
}

// scanSighting returns nil where there is no row.
func scanSighting(row *sql.Row) (*sighting, error) {
	var g sighting
	var seen, beatAt int64
	var targets int
	var beat string
	err := row.Scan(&g.Agent.Agent, &g.Region, &seen, &g.Version, &g.lat, &g.lon, &beatAt, &targets, &beat)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	g.LastSeen, g.Paused = at(seen), []string{}
	if beatAt == 0 {
		return &g, nil
	}
	if err := json.Unmarshal([]byte(beat), &g.Beat); err != nil { // of an older form
		g.Beat = api.Beat{}
	}
	heartbeat := at(beatAt)
	g.Heartbeat, g.Targets = &heartbeat, targets
	if g.Paused == nil {
		g.Paused = []string{}
	}
	return &g, nil
}
