package hub

import (
	"cmp"
	"context"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
)

// Answering is a store with what the hub adds to its answers.
type answering struct {
	*store.Store
	*store.Ledger
	hub *Hub
}

// Agents is asked by pages.
func (a answering) Agents(ctx context.Context, q api.Query) (api.Agents, error) {
	return a.hub.agents(ctx, q)
}

// agents is who reports, and what the hub itself is and serves.
func (h *Hub) agents(ctx context.Context, q api.Query) (api.Agents, error) {
	a, err := h.st.Agents(ctx, q)
	a.Version, a.Config = h.version, h.config.Version()
	return a, err
}

func byRegion(a, b api.Agent) int {
	return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Agent, b.Agent))
}
