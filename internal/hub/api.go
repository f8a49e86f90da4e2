package hub

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
)

// An answer is what one name below /api/v1/ is answered by.
type answer func(r *http.Request) (any, error)

// api answers the query API as package api documents it.
func (h *Hub) api() http.Handler {
	mux := http.NewServeMux()
	for name, f := range map[string]answer{
		"matrix":           asked(h.st.Matrix),
		"series":           asked(h.st.Series),
		"runs":             asked(h.st.Runs),
		"labels":           asked(h.st.Labels),
		"agents":           asked(h.agents),
		"traces/{traceID}": h.trace,
		"incidents":        h.incidents,
		"incidents/{id}":   h.incident,
		"impact":           h.impact,
		"summary":          h.site.summary,
	} {
		mux.Handle("/api/v1/"+name, h.queries.taken(h.get(f)))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "there is nothing at "+r.URL.Path+"; the hub answers /api/v1/matrix, series, runs, traces/{traceID}, labels, agents, incidents, incidents/{id}, impact, summary and config")
	})
	return mux
}

// A badQuery is a question that can't be answered as it was put.
type badQuery struct{ error }

func asked[A any](f func(context.Context, api.Query) (A, error)) answer {
	return func(r *http.Request) (any, error) {
		q, err := api.ParseQuery(r.URL.Query(), time.Now())
		if err != nil {
			return nil, badQuery{err}
		}
		return f(r.Context(), q)
	}
}

func (h *Hub) trace(r *http.Request) (any, error) {
	id := strings.ToLower(r.PathValue("traceID"))
	if b, err := hex.DecodeString(id); err != nil || len(b) != 16 {
		return nil, badQuery{errors.New("a trace ID has 32 hexadecimal digits, got " + strconv.Quote(id))}
	}
	return h.st.Trace(r.Context(), id)
}

// get serves f to GET and HEAD.
func (h *Hub) get(f answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "questions are asked by GET")
			return
		}
		a, err := f(r)
		if r.Context().Err() != nil {
			return // nobody waits for it any more
		}
		if err != nil {
			h.refuseError(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, a)
	})
}

func (h *Hub) refuseError(w http.ResponseWriter, r *http.Request, err error) {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	switch _, bad := errors.AsType[badQuery](err); {
	case bad:
		refuse(w, http.StatusBadRequest, text)
	case errors.Is(err, fs.ErrNotExist):
		refuse(w, http.StatusNotFound, strings.TrimSuffix(text, ": "+fs.ErrNotExist.Error()))
	case errors.Is(err, errReading):
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, text)
	case errors.Is(err, store.ErrClosed):
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, "the hub is shutting down; try again in a few seconds")
	default:
		h.log.Error("query not answered", "path", r.URL.Path, "err", err)
		refuse(w, http.StatusInternalServerError, "the stored runs could not be read; the hub's log says why")
	}
}

// refuse answers a request that isn't granted.
func refuse(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, api.Error{Error: text})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // a number that JSON doesn't have
		status, body = http.StatusInternalServerError, []byte(`{"error":"the answer can't be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}
