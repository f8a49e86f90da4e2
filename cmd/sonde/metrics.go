package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sonde-media/sonde/internal/hub"
)

// newRegistry returns a registry that tells of the process too.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// serveMetrics serves /metrics at addr, and what h answers, until ctx is
// canceled.
func serveMetrics(ctx context.Context, addr string, g prometheus.Gatherer, h *health, log *slog.Logger) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return usageError{fmt.Errorf("--metrics: %w", err)}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{EnableOpenMetrics: true})) // which has exemplars
	h.register(mux)
	log.Info("metrics", "url", "http://"+l.Addr().String()+"/metrics")
	return hub.Serve(ctx, l, mux, log)
}
