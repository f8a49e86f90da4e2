// Package hub takes runs in as OTLP and gives answers out: the query API, the
// status page and its own health.
package hub

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sonde-media/sonde/internal/store"
)

// Options are choices; the zero value means the defaults.
type Options struct {
	Token    string              // an admin's; "": nobody is asked for one, unless Guarded
	Guarded  bool                // who shows no token is refused
	Records  *store.Records      // other tokens; may be nil
	Config   *Config             // what agents are served; may be nil
	Log      *slog.Logger        // nil: nothing is logged
	Gatherer prometheus.Gatherer // served at /metrics besides the hub's own numbers; may be nil
	Version  string              // of the hub, which agents are compared with; "": unknown
}

// Limits of requests.
const (
	maxBody     = 16 << 20    // bytes of one request of an agent, as sent
	maxInflated = 64 << 20    // and unpacked
	maxHeld     = 8 * maxBody // and of all requests together
	maxInHand   = 4           // requests unpacked at the same time
	maxQueries  = 16          // queries answered at the same time

	patience = 5 * time.Second // how long a request waits for its turn
	longest  = time.Minute     // how long a query may take
)

// A Hub is an http.Handler that answers by a store.
type Hub struct {
	st      *store.Store
	version string
	log     *slog.Logger
	gate    *gate
	config  *Config
	held    atomic.Int64 // bytes of requests that are being read or unpacked
	inHand  turns
	queries turns
	numbers numbers
	watch   watch
	site    *site
	handler http.Handler
}

// New returns a hub on st, which stays the caller's to close, after the last
// request has been answered.
func New(st *store.Store, o Options) *Hub {
	h := &Hub{
		st: st, log: o.Log, version: o.Version, config: o.Config,
		inHand: make(turns, maxInHand), queries: make(turns, maxQueries),
		numbers: newNumbers(),
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.numbers.registry.MustRegister(damagedDays(st))
	h.gate = newGate(o, func(what string, err error) { h.log.Warn(what, "err", err) })
	h.site = &site{src: answering{st, store.NewLedger(st), h}, now: time.Now}
	h.handler = h.routes(o.Gatherer)
	return h
}

// ServeHTTP answers one request.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.handler.ServeHTTP(w, r) }

func (h *Hub) routes(also prometheus.Gatherer) http.Handler {
	gather := prometheus.Gatherers{h.numbers.registry}
	if also != nil {
		gather = append(gather, also)
	}
	ingest := http.NewServeMux()
	ingest.HandleFunc("POST /v1/traces", h.traces)
	ingest.HandleFunc("POST /v1/metrics", spansOnly)
	ingest.HandleFunc("POST /v1/logs", spansOnly)

	mux := http.NewServeMux()
	route := func(pattern, name string, next http.Handler) {
		mux.Handle(pattern, h.numbers.count(name, next))
	}
	route("/v1/", "ingest", timed(h.gate.asked(bearer, ingest, RoleAgent)))
	route("/api/", "api", timed(h.gate.asked(bearer, h.api(), RoleViewer)))
	// A configuration holds what runs don't tell viewers: keys in URLs, secrets.
	route("/api/v1/incidents/{id}/notes", "api", timed(h.gate.asked(bearer, h.notes())))
	route("/api/v1/config", "config", timed(h.gate.asked(bearer, h.config, RoleAgent)))
	route("/metrics", "metrics", h.gate.asked(bearer, h.metrics(gather), RoleViewer))
	route("/healthz", "health", timed(http.HandlerFunc(healthy))) // agents ask it for the time
	route("/readyz", "health", http.HandlerFunc(h.ready))
	route("/", "pages", h.gate.asked(browser, h.queries.taken(h.site.handler()), RoleViewer))
	return secured(mux)
}

// secured tells browsers to load and run nothing that isn't ours, and refuses
// what a page of another origin makes them send.
func secured(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", contentPolicy)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

func healthy(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) }

func (h *Hub) ready(w http.ResponseWriter, _ *http.Request) {
	if err := h.st.Ready(); err != nil {
		h.log.Warn("not ready", "err", err)
		http.Error(w, "the store can't be written to; the hub's log says why", http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ready\n"))
	for _, d := range h.st.Damaged() {
		fmt.Fprintf(w, "the file of %s is damaged and was set aside as %s\n", d.Day, d.File)
	}
}
