package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A hook is a webhook that keeps what it is sent and answers by status.
type hook struct {
	*httptest.Server

	mu     sync.Mutex // guards what follows
	status int        // 0: 200
	got    []*http.Request
	bodies []webhookBody
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b webhookBody
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
			t.Errorf("not JSON: %v", err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.status != 0 {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(h.status)
			io.WriteString(w, "no "+r.URL.RequestURI()+" for "+r.Header.Get("Authorization"))
			return
		}
		h.got, h.bodies = append(h.got, r), append(h.bodies, b)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

// said are the messages that came, by incident and event.
func (h *hook) said() (all []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.bodies {
		all = append(all, b.Alerts[0].Labels["incident"]+" "+b.Alerts[0].Annotations["event"])
	}
	return all
}

func records(t *testing.T, dir string) *store.Records {
	t.Helper()
	r, err := store.OpenRecords(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func receiver(t *testing.T, s Settings) *Receiver {
	t.Helper()
	s.Name = "pager"
	r, err := NewReceiver(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A hub is a notifier whose incidents the test says.
type hub struct {
	*Notifier
	incidents []api.Incident
	log       *bytes.Buffer
}

func newHub(book Book, r *Receiver) *hub {
	h := &hub{log: &bytes.Buffer{}}
	h.Notifier = New(Options{
		Book: book, Receivers: func() []*Receiver { return []*Receiver{r} },
		Incidents: func(time.Time) []api.Incident { return h.incidents },
		Hub:       "https://hub.example", Log: slog.New(slog.NewTextHandler(h.log, nil)),
	})
	return h
}

// see looks at incidents at a time, and waits until all is sent.
func (h *hub) see(t *testing.T, now time.Time, all ...api.Incident) {
	t.Helper()
	h.incidents = list(all...)
	if h.incidents == nil {
		h.incidents = []api.Incident{}
	}
	var sending sync.WaitGroup
	if err := h.look(t.Context(), now, &sending); err != nil {
		t.Fatal(err)
	}
	sending.Wait()
}

func lately(id string) api.Incident {
	i := Sample(time.Now())
	i.ID = id
	return i
}

func ended(i api.Incident) api.Incident {
	now := time.Now().UTC()
	i.Resolved, i.End = &now, api.EndRecovered
	return i
}

func TestOneMessageAtEachEnd(t *testing.T) {
	to := newHook(t)
	h := newHub(records(t, t.TempDir()), receiver(t, Settings{URL: to.URL, Headers: map[string]string{"Authorization": "Bearer s3cr3t-t0ken"}}))
	defer h.client.CloseIdleConnections()
	a := lately("a")
	for range 3 {
		h.see(t, time.Now(), a)
	}
	for range 3 {
		h.see(t, time.Now(), ended(a))
	}
	if got := strings.Join(to.said(), ", "); got != "a opened, a resolved" {
		t.Fatalf("got %s", got)
	}
	if r := to.got[0]; r.Header.Get("Authorization") != "Bearer s3cr3t-t0ken" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Idempotency-Key") == "" {
		t.Errorf("got headers %v", r.Header)
	}
	if strings.Contains(h.log.String(), "s3cr3t") {
		t.Errorf("logged:\n%s", h.log)
	}
}

// A hub that ends goes on where it was, whatever it was at; one whose receiver
// was away says all, in order.
func TestAwayAndRestarted(t *testing.T) {
	dir, to := t.TempDir(), newHook(t)
	r := receiver(t, Settings{URL: to.URL})
	to.answer(http.StatusServiceUnavailable)
	a := lately("a")
	first := newHub(records(t, dir), r)
	first.see(t, time.Now(), a)
	first.see(t, time.Now(), ended(a))
	first.client.CloseIdleConnections()

	to.answer(0)
	second := newHub(records(t, dir), r)
	defer second.client.CloseIdleConnections()
	second.see(t, time.Now(), ended(a)) // the message isn't due yet
	if got := to.said(); len(got) > 0 {
		t.Fatalf("got %v before its time", got)
	}
	second.see(t, time.Now().Add(time.Minute)) // the fold isn't read again: no matter
	second.see(t, time.Now().Add(time.Minute))
	if got := strings.Join(to.said(), ", "); got != "a opened, a resolved" {
		t.Errorf("got %s", got)
	}
	if b := to.bodies[0]; b.Alerts[0].Annotations["summary"] != a.Title {
		t.Errorf("got %v after a restart", b.Alerts[0].Annotations)
	}
}

// Two hubs over the same records send it once.
func TestTwoHubs(t *testing.T) {
	dir, to := t.TempDir(), newHook(t)
	r := receiver(t, Settings{URL: to.URL})
	hubs := []*hub{newHub(records(t, dir), r), newHub(records(t, dir), r)}
	var all []api.Incident
	for _, id := range strings.Split("abcdefghij", "") {
		all = append(all, lately(id))
	}
	var wg sync.WaitGroup
	for _, h := range hubs {
		wg.Go(func() {
			h.see(t, time.Now(), all...)
			h.see(t, time.Now(), all...)
		})
	}
	wg.Wait()
	for _, h := range hubs {
		h.see(t, time.Now(), all...)
		h.client.CloseIdleConnections()
	}
	if got := to.said(); len(got) != len(all) {
		t.Errorf("got %d messages, want %d: %v", len(got), len(all), got)
	}
}

// What one hub tried in vain another doesn't try before its next time.
func TestTwoHubsOneTry(t *testing.T) {
	dir, to := t.TempDir(), newHook(t)
	to.answer(http.StatusServiceUnavailable)
	r := receiver(t, Settings{URL: to.URL})
	book := records(t, dir)
	a, b := newHub(book, r), newHub(records(t, dir), r)
	defer a.client.CloseIdleConnections()
	defer b.client.CloseIdleConnections()
	now := time.Now()
	d, ok := a.ledger.next(r, new(lately("a")), now)
	if err := book.Deliver(t.Context(), d); err != nil || !ok {
		t.Fatal(err, ok)
	}
	for _, h := range []*hub{a, b} { // both see it due before either tries
		if err := h.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a.tell(t.Context(), r, a.due(r.Name, now))
	b.tell(t.Context(), r, []api.Delivery{d})
	rows, _, err := book.Deliveries(t.Context(), 0)
	if n := len(rows); err != nil || n != 2 || rows[n-1].Tries != 1 {
		t.Errorf("got %+v and %v, want one try", rows, err)
	}
}

// What a receiver says may hold the secrets that it was sent; a redirect is no
// yes.
func TestRefused(t *testing.T) {
	to := newHook(t)
	book := records(t, t.TempDir())
	r := receiver(t, Settings{URL: to.URL + "/hooks/s3cr3t-path?key=s3cr3t-query", Headers: map[string]string{"Authorization": "Bearer s3cr3t-t0ken"}})
	h := newHub(book, r)
	defer h.client.CloseIdleConnections()
	for i, status := range []int{http.StatusFound, http.StatusForbidden, http.StatusInternalServerError} {
		to.answer(status)
		h.see(t, time.Now().Add(time.Duration(i)*time.Hour), lately("a"))
	}
	rows, _, err := book.Deliveries(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	last := rows[len(rows)-1]
	if last.Tries != 3 || last.State != api.DeliveryDue || !strings.Contains(last.Error, "answered 500") {
		t.Errorf("got %+v", last)
	}
	text, _ := json.Marshal(rows)
	if all := string(text) + h.log.String(); strings.Contains(all, "s3cr3t") {
		t.Errorf("a secret is recorded or logged:\n%s", all)
	}
}

func TestGivenUpAfterADay(t *testing.T) {
	to := newHook(t)
	to.answer(http.StatusInternalServerError)
	book := records(t, t.TempDir())
	d := api.Delivery{Receiver: "pager", Event: api.EventOpened, Incident: "a", Thread: "a", Round: 1, State: api.DeliveryDue, Tries: 99}
	i := lately("a")
	d.At, d.Key, d.Labels, d.Snapshot = time.Now().Add(-patience-time.Minute), key(&d), labels(&i), &i
	if err := book.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	h := newHub(book, receiver(t, Settings{URL: to.URL}))
	defer h.client.CloseIdleConnections()
	h.see(t, time.Now(), i)
	h.see(t, time.Now().Add(time.Hour), i)
	rows, _, err := book.Deliveries(t.Context(), 0)
	if err != nil || len(rows) != 2 || rows[1].State != api.DeliveryGivenUp || rows[1].Tries != 100 {
		t.Errorf("got %+v and %v", rows, err)
	}
	if !strings.Contains(h.log.String(), "given up") {
		t.Errorf("logged %s", h.log)
	}
}

// Nothing is withdrawn while incidents aren't known, nor at once.
func TestWithdrawn(t *testing.T) {
	to := newHook(t)
	h := newHub(records(t, t.TempDir()), receiver(t, Settings{URL: to.URL}))
	defer h.client.CloseIdleConnections()
	now := time.Now()
	h.see(t, now, lately("a"))
	h.Options.Incidents = func(time.Time) []api.Incident { return nil }
	for _, after := range []time.Duration{0, 2 * settled, 4 * settled} {
		h.see(t, now.Add(after))
	}
	h.Options.Incidents = func(time.Time) []api.Incident { return []api.Incident{} }
	h.see(t, now.Add(5*settled))
	if got := to.said(); len(got) != 1 {
		t.Fatalf("got %v too early", got)
	}
	h.see(t, now.Add(6*settled))
	h.see(t, now.Add(7*settled))
	if got := strings.Join(to.said(), ", "); got != "a opened, a withdrawn" {
		t.Errorf("got %s", got)
	}
	if s := to.bodies[1].Alerts[0].Annotations["summary"]; s == "" {
		t.Error("withdrawn without saying what")
	}
}

// Run ends with its context, what is being sent included.
func TestRunEnds(t *testing.T) {
	stuck := make(chan struct{})
	asked := make(chan struct{}, 1)
	to := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-stuck:
		case <-r.Context().Done():
		}
	}))
	defer to.Close()
	defer close(stuck)
	book := records(t, t.TempDir())
	h := newHub(book, receiver(t, Settings{URL: to.URL}))
	h.incidents = list(lately("a"))
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() { h.Run(ctx); close(ran) }()
	<-asked
	cancel()
	<-ran
	rows, _, err := book.Deliveries(t.Context(), 0)
	if err != nil || len(rows) != 1 || rows[0].Tries != 0 {
		t.Errorf("got %+v and %v: the end of a hub is no try", rows, err)
	}
}
