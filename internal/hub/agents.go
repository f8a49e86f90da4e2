package hub

import (
	"context"

	"github.com/sonde-media/sonde/internal/api"
)

// agents is who reports, and what the hub itself is and serves.
func (h *Hub) agents(ctx context.Context, q api.Query) (api.Agents, error) {
	a, err := h.st.Agents(ctx, q)
	a.Version, a.Config = h.version, h.config.Version()
	return a, err
}
