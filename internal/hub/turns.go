package hub

import (
	"bytes"
	"context"
	"net/http"
	"time"
)

// Turns bound how many do something at the same time.
type turns chan struct{}

// take waits for a turn and returns what ends it, or false where none came.
func (t turns) take(r *http.Request) (end func(), ok bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case t <- struct{}{}:
		return func() { <-t }, true
	case <-timer.C:
	case <-r.Context().Done():
	}
	return nil, false
}

// taken lets next answer when it is its turn, and for no longer than longest.
// The turn ends before the answer is sent: who reads slowly, or not at all,
// keeps nobody from asking.
func (t turns) taken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		end, ok := t.take(r)
		if !ok {
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusTooManyRequests, "the hub answers too many queries at once; try again in a second")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), longest)
		defer cancel()
		answer := &later{ResponseWriter: w}
		func() {
			defer end()
			next.ServeHTTP(answer, r.WithContext(ctx))
		}()
		if answer.status == 0 && ctx.Err() != nil && r.Context().Err() == nil {
			refuse(w, http.StatusServiceUnavailable, "the answer took more than a minute; ask for a shorter range")
			return
		}
		answer.send()
	})
}

// later is an answer that is kept until it is sent.
type later struct {
	http.ResponseWriter
	status int // 0: nothing was answered
	body   bytes.Buffer
}

func (l *later) WriteHeader(status int) {
	if l.status == 0 {
		l.status = status
	}
}

func (l *later) Write(b []byte) (int, error) {
	l.WriteHeader(http.StatusOK)
	return l.body.Write(b)
}

func (l *later) send() {
	if l.status != 0 {
		l.ResponseWriter.WriteHeader(l.status)
		l.ResponseWriter.Write(l.body.Bytes())
	}
}
