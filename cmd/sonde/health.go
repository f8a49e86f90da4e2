package main

import (
	"net/http"
	"sync/atomic"
)

// A health is what an agent answers who asks whether it runs. It is served as
// long as the agent's command runs, so that answering at all is half of it.
type health struct{ running atomic.Bool }

// ready says that a configuration runs.
func (h *health) ready() { h.running.Store(true) }

// register serves /healthz, for who would restart an agent that doesn't run,
// and /readyz, for who waits until it probes.
func (h *health) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !h.running.Load() {
			http.Error(w, "no configuration runs yet; the agent's log says why", http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte("ready\n"))
	})
}
