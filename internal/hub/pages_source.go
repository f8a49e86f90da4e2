package hub

import (
	"context"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// A source is what the pages are made from.
type source interface {
	Matrix(context.Context, api.Query) (api.Matrix, error)
	Runs(context.Context, api.Query) (api.Runs, error)
	Trace(context.Context, string) (api.Trace, error) // fs.ErrNotExist: no such run
	Agents(context.Context, api.Query) (api.Agents, error)

	Incidents(now time.Time) []api.Incident                       // the newest first; nil: they are still being read
	Incident(context.Context, string) (api.IncidentDetail, error) // fs.ErrNotExist: no such incident
	Notes(incident string) ([]api.Note, error)                    // the oldest first
	Impact(ctx context.Context, of string) (api.Impact, error)    // of "": everything
	Days(ctx context.Context, from, to time.Time) ([]api.ServiceDay, time.Time, error)
	Targets() map[string]api.TargetInfo // those of the days, by name
	RegionName(string) string           // for people
}

// Incidents is asked by pages, as the rest below.
func (a answering) Incidents(now time.Time) []api.Incident { return a.hub.Incidents(now) }

// Incident returns all that is known of one.
func (a answering) Incident(ctx context.Context, id string) (api.IncidentDetail, error) {
	return a.hub.Incident(ctx, id)
}

// Notes returns what operators say of an incident.
func (a answering) Notes(incident string) ([]api.Note, error) { return a.hub.notesOf(incident) }

// Impact returns what stands behind a host.
func (a answering) Impact(ctx context.Context, of string) (api.Impact, error) {
	return a.hub.Impact(ctx, of)
}

// RegionName returns what the configuration calls a region, else its own name.
func (a answering) RegionName(region string) string { return a.hub.config.regionName(region) }
