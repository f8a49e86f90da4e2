package notify

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

func delivery(i api.Incident, event string) api.Delivery {
	return api.Delivery{
		Receiver: "r", Event: event, Incident: i.ID, Thread: i.ID, Round: 1, At: begin.Add(time.Hour),
		Labels: labels(&i), Snapshot: &i,
	}
}

// What Alertmanager's webhook sends, as its documentation has it.
func TestWebhook(t *testing.T) {
	r, err := NewReceiver(Settings{Name: "r", URL: "https://pager.example/"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	body, err := r.body(delivery(open("abc", 0), api.EventOpened), "https://hub.example/")
	if err != nil || json.Unmarshal(body, &got) != nil {
		t.Fatal(err, string(body))
	}
	labels := map[string]any{
		"alertname": "SondeIncident", "incident": "abc", "severity": "major", "code": "tls_expired", "cause": strings.Repeat("0", 64),
		"culprit": "cdn.example", "scope": "global", "service": "Podcasts", "region": "eu-west,us-east",
	}
	notes := map[string]any{
		"summary": "This is a test by sonde notify test: no host is down", "description": "New; since 2 Nov 03:00:00 UTC",
		"advice": "nothing is to be done", "detail": "a sample", "event": "opened", "services": "Podcasts",
		"services_unaffected": "Storefront", "targets": "a show, another show", "regions": "eu-west, us-east",
		"current_severity": "major", "dashboard": "https://hub.example/incidents/abc",
	}
	want := map[string]any{
		"version": "4", "groupKey": `{}:{incident="abc"}`, "truncatedAlerts": 0.0, "status": "firing", "receiver": "r",
		"groupLabels": map[string]any{"incident": "abc"}, "commonLabels": labels, "commonAnnotations": notes,
		"externalURL": "https://hub.example",
		"alerts": []any{map[string]any{
			"status": "firing", "labels": labels, "annotations": notes, "startsAt": "2026-11-02T03:00:00Z",
			"endsAt": "0001-01-01T00:00:00Z", "generatorURL": "https://hub.example/incidents/abc", "fingerprint": "ba7816bf8f01cfea",
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	body, err = r.body(delivery(over("abc", 0, 41), api.EventResolved), "")
	var b webhookBody
	if err != nil || json.Unmarshal(body, &b) != nil {
		t.Fatal(err)
	}
	if b.Status != "resolved" || b.Alerts[0].Status != "resolved" || !b.Alerts[0].EndsAt.Equal(begin.Add(41*time.Minute)) {
		t.Errorf("got %+v", b)
	}
}

func chatText(t *testing.T, template string, d api.Delivery) string {
	t.Helper()
	r, err := NewReceiver(Settings{Name: "r", URL: "https://chat.example/", Format: FormatChat, Template: template})
	if err != nil {
		t.Fatal(err)
	}
	body, err := r.body(d, "https://hub.example")
	var got struct{ Text string }
	if err != nil || json.Unmarshal(body, &got) != nil {
		t.Fatal(err, string(body))
	}
	return got.Text
}

func TestChat(t *testing.T) {
	i := open("abc", 0)
	i.Title = "cdn.example: a certificate has expired; 37 targets fail in all regions"
	i.Detected, i.Advice = i.FirstFailure.Add(41*time.Second), "renew it"
	const facts = "since 2 Nov 03:00:00 UTC, seen after 41 seconds · Podcasts hit, Storefront not"
	for event, want := range map[string]string{
		api.EventOpened: "New · major · " + i.Title + "\n" + facts + "\n→ renew it\nhttps://hub.example/incidents/abc",
		api.EventAgain:  "Failing again · major · " + i.Title + "\n" + facts + "\n→ renew it\nhttps://hub.example/incidents/abc",
		api.EventRepeat: "Still open after 60 minutes · major · " + i.Title + "\n" + facts + "\n→ renew it\nhttps://hub.example/incidents/abc",
	} {
		if diff := cmp.Diff(want, chatText(t, "", delivery(i, event))); diff != "" {
			t.Errorf("%s:\n%s", event, diff)
		}
	}
	end := begin.Add(41 * time.Minute)
	i.Resolved, i.End = &end, api.EndRecovered
	want := "Resolved after 41 minutes · major · " + i.Title + "\n" + facts + "\nhttps://hub.example/incidents/abc"
	if diff := cmp.Diff(want, chatText(t, "", delivery(i, api.EventResolved))); diff != "" {
		t.Error(diff)
	}
	if got := chatText(t, `{{.Severity}} {{join .Regions "+"}} {{.Culprit}} {{.Open}}`, delivery(i, api.EventResolved)); got != "major eu-west+us-east cdn.example false" {
		t.Errorf("got %q", got)
	}
}

// Whatever strangers called their shows, a chat shows it and does nothing.
func TestChatIsHarmless(t *testing.T) {
	bad := "<!channel> @here & <https://evil.example|click> [click](https://evil.example) \u202e\x1b[31m \"}\n" + "`x`" + string([]byte{0xff})
	i := open("abc", 0)
	i.Title, i.Cause, i.Culprit, i.Detail = bad, bad, bad, bad
	i.Targets, i.Services, i.Regions, i.ServicesUnaffected, i.Hosts = list1(bad), list1(bad), list1(bad), list1(bad), list1(bad)
	i.PerRegion, i.Traces = []api.IncidentState{{Region: bad}}, []api.IncidentTrace{{Region: bad, TraceID: bad}}
	i.Code, i.Codes = probes.Code(bad), []api.CodeCount{{Code: probes.Code(bad)}}
	text := chatText(t, `{{.Code}} {{.Title}} {{.Cause}} {{.Culprit}} {{.Detail}} {{.Targets}} {{.Hit}} {{.Regions}} {{.Hosts}} {{range .PerRegion}}{{.Region}}{{end}} {{.Traces}} {{.Codes}}`, delivery(i, api.EventOpened))
	for _, word := range []string{"<", ">", "@h", "](", "\x1b", "\u202e", "\n", "`"} {
		if strings.Contains(text, word) {
			t.Errorf("%q stands in %q", word, text)
		}
	}
	if !strings.Contains(text, "&lt;!channel&gt;") || !utf8.ValidString(text) {
		t.Errorf("got %q", text)
	}
}

func list1(s string) []string { return []string{s} }

func TestTextsAreBounded(t *testing.T) {
	i := open("abc", 0)
	i.Title = strings.Repeat("ä", 1<<20)
	i.Targets = make([]string, 10_000)
	if text := chatText(t, "", delivery(i, api.EventOpened)); len(text) > 2*maxText {
		t.Errorf("got %d bytes", len(text))
	}
	text := chatText(t, `{{range .Targets}}{{range $.Targets}}{{$.Title}}{{end}}{{end}}`, delivery(i, api.EventOpened))
	if len(text) > maxChat || !utf8.ValidString(text) || !strings.HasSuffix(text, "…") {
		t.Errorf("got %d bytes: %.20q…%q", len(text), text, text[len(text)-6:])
	}
	i.Services = make([]string, 10_000)
	for n := range i.Services {
		i.Services[n] = "service"
	}
	body, err := webhook("r", delivery(i, api.EventOpened), newMessage(delivery(i, api.EventOpened), ""))
	if err != nil || len(body) > 16<<10 {
		t.Errorf("got %d bytes and %v", len(body), err)
	}
	if s := snapshot(&i); len(s.Targets) != maxTargets || len(i.Targets) != 10_000 {
		t.Errorf("got %d targets", len(s.Targets))
	}
}

// What a template gets wrong is said before an incident needs it, and no error
// shows a secret.
func TestBadReceivers(t *testing.T) {
	for name, c := range map[string]struct {
		s    Settings
		want string
	}{
		"no URL":        {Settings{URL: "ftp://s3cr3t"}, "url: want one that begins with"},
		"not a URL":     {Settings{URL: "https://s3cr3t%zz\x7f/"}, "url: want one that begins with"},
		"format":        {Settings{URL: "https://a.example/", Format: "mail"}, "format: want"},
		"unknown field": {Settings{URL: "https://a.example/", Format: FormatChat, Template: "{{.Titel}}"}, "can't evaluate field Titel"},
		"only at end":   {Settings{URL: "https://a.example/", Format: FormatChat, Template: "{{if not .Open}}{{.Titel}}{{end}}"}, "can't evaluate field Titel"},
		"syntax":        {Settings{URL: "https://a.example/", Format: FormatChat, Template: "{{"}, "unclosed action"},
	} {
		_, err := NewReceiver(c.s)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestNoEmptyLabels(t *testing.T) {
	i := open("a", 0)
	i.Code = probes.Code("")
	if l := labels(&i); l["code"] != "" || len(l) == 0 {
		t.Errorf("got %v", l)
	} else if _, there := l["code"]; there {
		t.Error("an empty text is no label")
	}
}
