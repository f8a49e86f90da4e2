package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// Labels of an alert. They stay as they were when a receiver was first told:
// receivers know an alert by its labels.
const (
	labelName  = "alertname"
	labelCode  = "code"
	labelCause = "cause"

	alertName = "SondeIncident"
)

// A webhookBody is what Alertmanager's webhook sends, version 4:
// https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
type webhookBody struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []alert           `json:"alerts"`
}

type alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"` // the zero time while it fires
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// labels are those of an incident that is told for the first time.
func labels(i *api.Incident) map[string]string {
	all := map[string]string{
		labelName: alertName, "incident": i.ID, "severity": i.Severity,
		labelCode: string(i.Code), labelCause: i.Cause, "culprit": i.Culprit, "scope": string(i.Scope),
		"service": strings.Join(i.Services, ","), "region": strings.Join(i.Regions, ","),
	}
	return filled(all)
}

// filled is all without empty texts, which are no labels, bounded.
func filled(all map[string]string) map[string]string {
	for k, v := range all {
		if all[k] = plain(v); v == "" {
			delete(all, k)
		}
	}
	return all
}

func annotations(m Message) map[string]string {
	all := map[string]string{
		"summary": m.Title, "description": m.Word() + "; " + m.When(), "advice": m.Advice, "detail": m.Detail,
		"event": m.Event, "services": listed(m.Services), "services_unaffected": listed(m.ServicesUnaffected),
		"targets": listed(m.Targets), "regions": listed(m.Regions), "end": m.End, "current_severity": m.Severity,
		"dashboard": m.URL,
	}
	return filled(all)
}

// webhook is a message of one alert. Its group is the incident's thread, so
// that an incident that fails again is the same to who pages by groups.
func webhook(receiver string, d api.Delivery, m Message) ([]byte, error) {
	sum := sha256.Sum256([]byte(d.Thread))
	notes := annotations(m)
	a := alert{
		Status: m.Status(), Labels: d.Labels, Annotations: notes, StartsAt: m.FirstFailure.UTC(),
		GeneratorURL: m.URL, Fingerprint: hex.EncodeToString(sum[:8]),
	}
	if m.Resolved != nil {
		a.EndsAt = m.Resolved.UTC()
	}
	external, _, _ := strings.Cut(m.URL, "/incidents/")
	return json.Marshal(webhookBody{
		Version: "4", GroupKey: fmt.Sprintf("{}:{incident=%q}", d.Thread), Status: m.Status(), Receiver: receiver,
		GroupLabels: map[string]string{"incident": d.Thread}, CommonLabels: d.Labels, CommonAnnotations: notes,
		ExternalURL: external, Alerts: []alert{a},
	})
}
