package notify

import (
	"context"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// Sample is an incident to try receivers with.
func Sample(now time.Time) api.Incident {
	first := now.Add(-3 * time.Minute).UTC().Truncate(time.Second)
	return api.Incident{
		ID: "000000000000", Severity: api.SeverityMajor, Code: probes.TLSExpired,
		Title:    "This is a test by sonde notify test: no host is down",
		Cause:    strings.Repeat("0", 64),
		Culprit:  "cdn.example",
		Scope:    api.ScopeGlobal,
		Regions:  []string{"eu-west", "us-east"},
		Targets:  []string{"a show", "another show"},
		Services: []string{"Podcasts"}, ServicesUnaffected: []string{"Storefront"},
		FirstFailure: first, LastFailure: now.UTC(), Detected: first.Add(41 * time.Second),
		PerRegion: []api.IncidentState{{Region: "eu-west", Started: first}, {Region: "us-east", Started: first.Add(4 * time.Second)}},
		Traces:    []api.IncidentTrace{{Region: "eu-west", TraceID: strings.Repeat("0", 32)}},
		Advice:    "nothing is to be done",
		Hosts:     []string{"cdn.example"}, Codes: []api.CodeCount{{Code: probes.TLSExpired, Runs: 6}}, Runs: 6, Using: 2,
		Detail: "a sample",
	}
}

// samples are a message of each event.
func samples() (all []Message) {
	now := time.Unix(0, 0)
	for _, event := range []string{api.EventOpened, api.EventAgain, api.EventRepeat, api.EventResolved, api.EventWithdrawn} {
		i := Sample(now)
		if ends(event) {
			i.Resolved, i.End = &now, api.EndRecovered
		}
		all = append(all, Message{Incident: i, Event: event, At: now, URL: "https://hub.example/incidents/" + i.ID})
	}
	return all
}

// Test sends a sample to r: that it opened, and that it is resolved. hub is
// the hub's URL for people, "" for none. Errors show no secret.
func Test(ctx context.Context, r *Receiver, hub string) error {
	client := newClient()
	defer client.CloseIdleConnections()
	now := time.Now()
	i := Sample(now)
	for _, event := range []string{api.EventOpened, api.EventResolved} {
		if event == api.EventResolved {
			i.Resolved, i.End = &now, api.EndRecovered
		}
		d := api.Delivery{
			Receiver: r.Name, Event: event, Incident: i.ID, Thread: i.ID, Round: 1,
			At: now, Due: now, Labels: labels(&i), Snapshot: &i,
		}
		d.Key = key(&d) + "/" + now.UTC().Format(time.RFC3339)
		if err := send(ctx, client, r, d, hub); err != nil {
			return hidden{r.hide(plain(err.Error())), err}
		}
	}
	return nil
}

// hidden is an error whose text has no secrets.
type hidden struct {
	text string
	error
}

func (e hidden) Error() string { return e.text }
