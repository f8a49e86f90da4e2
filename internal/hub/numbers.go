package hub

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sonde-media/sonde/internal/store"
)

// Numbers are what the hub tells about itself at /metrics.
type numbers struct {
	registry           *prometheus.Registry
	received, rejected prometheus.Counter
	requests           *prometheus.CounterVec
}

func newNumbers() numbers {
	n := numbers{
		registry: prometheus.NewRegistry(),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sonde_hub_spans_received_total", Help: "Spans stored, those sent again included.",
		}),
		rejected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sonde_hub_spans_rejected_total", Help: "Spans that are none of an agent's, or too old or too new to keep.",
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sonde_hub_requests_total", Help: "Requests answered, by what was asked and by status.",
		}, []string{"handler", "code"}),
	}
	n.registry.MustRegister(n.received, n.rejected, n.requests)
	return n
}

func damagedDays(st *store.Store) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sonde_hub_damaged_days", Help: "Files of days that are damaged and were set aside.",
	}, func() float64 { return float64(len(st.Damaged())) })
}

func (n *numbers) count(handler string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(s, r)
		n.requests.WithLabelValues(handler, strconv.Itoa(s.status)).Inc()
	})
}

// A statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
