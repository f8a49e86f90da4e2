package datasource

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sonde-media/sonde/internal/api"
)

// serve returns the URL of a server that isn't a hub as it should be.
func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

// down returns the URL of a port where nobody listens.
func down(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	return "http://" + ln.Addr().String()
}

type badHub struct {
	url, token, json string
	status           backend.Status
	says             string
}

func badHubs(t *testing.T) map[string]badHub {
	slow := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	encrypted := httptest.NewUnstartedServer(says(200, "{}"))
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0)
	encrypted.StartTLS()
	t.Cleanup(encrypted.Close)
	denied := `{"error":"the hub asks for a token and this one is missing or wrong"}`
	return map[string]badHub{
		"down":           {url: down(t), status: 502, says: "connection refused; is the hub running"},
		"slow":           {url: slow, json: `"timeout":1,`, status: 504, says: "didn't answer within 1s: ask for a shorter range"},
		"no token":       {url: serve(t, says(401, denied)), status: 401, says: `as Token in the settings of the data source "Sonde"; at present it has no token`},
		"wrong token":    {url: serve(t, says(403, denied)), token: "old", status: 403, says: "its token is wrong. The answer was: the hub asks for a token"},
		"web page":       {url: serve(t, says(200, "<html>")), status: 502, says: "is no hub, or of another version"},
		"other JSON":     {url: serve(t, says(200, `{"status":"ok"}`)), status: 502, says: "the answer isn't a hub's"},
		"half an answer": {url: serve(t, says(200, `{"regions":[`)), status: 502, says: "is no hub"},
		"other site":     {url: serve(t, says(404, "not found")), status: 404, says: "is it a hub's address?"},
		"redirects":      {url: serve(t, http.RedirectHandler("/login", http.StatusFound).ServeHTTP), status: 502, says: "redirects (302)"},
		"ill":            {url: serve(t, says(500, `{"error":"the stored runs could not be read"}`)), status: 502, says: "has a problem (500): the stored runs could not be read"},
		"busy":           {url: serve(t, says(429, `{"error":"too many queries at once"}`)), status: 429, says: "too many queries"},
		"untrusted":      {url: encrypted.URL, status: 502, says: "enter that as CA certificate"},
		"no TLS":         {url: "https" + strings.TrimPrefix(slow, "http"), status: 502, says: "it speaks http, not https"},
		"no such name":   {url: "http://hub.invalid", status: 502, says: "hub.invalid isn't found"},
		"no URL":         {url: " ", status: 400, says: "no URL is set: enter the hub's"},
		"no HTTP":        {url: "hub.example:4318", status: 400, says: "want a URL such as"},
		"bad settings":   {url: slow, json: `"timeout":"long",`, status: 400, says: "timeout: want int, got a string"},
		"worse settings": {url: slow, json: `"tlsAuth":true,"serverName":5,`, status: 400, says: "isn't set up: jsonData"},
	}
}

// Whatever is wrong with a hub, each query says so in words, blames what is
// downstream, and does so within seconds.
func TestBadHubs(t *testing.T) {
	for name, bad := range badHubs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := source(t, bad.url, bad.json, bad.token)
			begin := time.Now()
			for _, text := range []string{`{"question":"matrix"}`, `{"question":"series"}`, `{"question":"runs"}`, `{"question":"labels","label":"code"}`} {
				r := ask(t, d, query(text, time.Hour))["A"]
				if r.Error == nil || !strings.Contains(r.Error.Error(), bad.says) {
					t.Fatalf("%s: got %v, want %q", text, r.Error, bad.says)
				}
				if r.Status != bad.status || r.ErrorSource != backend.ErrorSourceDownstream || !backend.IsDownstreamError(r.Error) {
					t.Errorf("%s: got %d, %s, want %d, downstream", text, r.Status, r.ErrorSource, bad.status)
				}
			}
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			h, err := d.CheckHealth(t.Context(), nil)
			if err != nil || h.Status != backend.HealthStatusError || !strings.Contains(h.Message, bad.says[1:]) {
				t.Errorf("health: got %+v, %v", h, err)
			}
		})
	}
}

// One query that can't be answered costs no other its answer.
func TestBadQuestions(t *testing.T) {
	d := source(t, newHub(t, answers()).URL, "", "")
	empty := query(`{"question":"runs"}`, time.Hour)
	empty.TimeRange.From = empty.TimeRange.To
	got := ask(
		t, d, query(`{"question":"matrix"}`, time.Hour),
		query(`{"question":"weather"}`, time.Hour), query(`{"question":"runs","regions":["$region"]}`, time.Hour),
		query(`{"question":"runs","limit":"many"}`, time.Hour), query(`{`, time.Hour), query(`{}`, time.Hour),
		query(`{"question":"series","format":"pie","measure":"mood"}`, time.Hour), query(`{"question":"trace","traceId":"1"}`, time.Hour), empty,
	)
	if a := got["A"]; a.Error != nil || len(a.Frames) != 1 {
		t.Errorf("got %+v", a)
	}
	for id, want := range map[string]string{
		"B": `question: want one of matrix, series, runs, trace, labels, got "weather"`, "C": "regions: the variable $region has no value",
		"D": "limit: want int, got a string", "E": "read the query", "F": "question: want one of",
		"G": `format: series is answered as time_series, state, not as "pie"; measure: want one of`, "H": "want the 32 hexadecimal digits",
		"I": "the range is empty",
	} {
		r := got[id]
		if r.Error == nil || !strings.Contains(r.Error.Error(), want) || r.Status != backend.StatusBadRequest || r.ErrorSource != backend.ErrorSourcePlugin {
			t.Errorf("%s: got %v, %d, %s, want %q", id, r.Error, r.Status, r.ErrorSource, want)
		}
	}
}

func TestRunThatIsNotThere(t *testing.T) {
	d := source(t, serve(t, says(404, `{"error":"no run has the trace ID 1"}`)), "", "")
	r := ask(t, d, query(`{"question":"trace","traceId":"00000000000000000000000000000001"}`, time.Hour))["A"]
	if r.Error == nil || r.Error.Error() != "no run has the trace ID 1" || r.Status != backend.StatusNotFound {
		t.Errorf("got %v, %d", r.Error, r.Status)
	}
}

func TestNobodyWaits(t *testing.T) {
	d := source(t, serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), "", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.answer(ctx, query(`{"question":"runs"}`, time.Hour)); !strings.Contains(d.trouble(err).text, "nobody waits") {
		t.Errorf("got %v", err)
	}
}

func TestHealth(t *testing.T) {
	m := outage()
	m.Cells[1].Newest.Started = time.Now().Add(-4*time.Second - 500*time.Millisecond)
	for want, matrix := range map[string]api.Matrix{
		"Sonde hub reached: 3 regions, 2 targets, newest run 4 s ago": m,
		"Sonde hub reached; it has no run of the last 24 hours":       {To: noon},
	} {
		h, err := source(t, newHub(t, map[string]any{"matrix": matrix}).URL, "", "").CheckHealth(t.Context(), nil)
		if err != nil || h.Status != backend.HealthStatusOk || !strings.HasPrefix(h.Message, want) {
			t.Errorf("got %+v, %v, want %s", h, err, want)
		}
	}
}

func TestSecretsStayOut(t *testing.T) {
	d := source(t, strings.Replace(down(t), "http://", "http://joe:hunter2@", 1), "", "s3cret")
	r := ask(t, d, query(`{"question":"runs"}`, time.Hour))["A"]
	if text := r.Error.Error(); strings.Contains(text, "hunter2") || strings.Contains(text, "s3cret") {
		t.Errorf("got %s", text)
	}
}

// A hub with a certificate of its own is reached where the data source's TLS
// settings say that it may be, and shown the token.
func TestTLSSettings(t *testing.T) {
	h := newHub(t, answers())
	var shown string
	encrypted := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = r.Header.Get("Authorization")
		h.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(encrypted.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encrypted.Certificate().Raw})
	instance, err := New(t.Context(), backend.DataSourceInstanceSettings{
		Type: ID, Name: "Sonde", URL: encrypted.URL, JSONData: []byte(`{"tlsAuthWithCACert":true}`),
		DecryptedSecureJSONData: map[string]string{"token": " s3cret\n", "tlsCACert": string(ca)},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := instance.(*Source)
	defer d.Dispose()
	if r := ask(t, d, query(`{"question":"runs"}`, time.Hour))["A"]; r.Error != nil || shown != "Bearer s3cret" {
		t.Errorf("got %v, token %q", r.Error, shown)
	}
}
