package datasource

import (
	"context"
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sonde-media/sonde/internal/api"
)

// CheckHealth says what the hub knows, or what is wrong and how to mend it.
func (d *Source) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	text, err := d.healthy(ctx, time.Now())
	if err != nil {
		return &backend.CheckHealthResult{Status: backend.HealthStatusError, Message: capital(d.trouble(err).text)}, nil
	}
	return &backend.CheckHealthResult{Status: backend.HealthStatusOk, Message: text}, nil
}

func (d *Source) healthy(ctx context.Context, now time.Time) (string, error) {
	if d.bad != nil {
		return "", d.bad
	}
	ctx, cancel := context.WithTimeout(ctx, d.settings.timeout)
	defer cancel()
	m, err := d.hubMatrix(ctx, api.Query{From: now.Add(-api.Recalled), To: now})
	if err != nil {
		return "", err
	}
	if len(m.Cells) == 0 {
		return "Sonde hub reached; it has no run of the last 24 hours. Is an agent running that sends there (sonde agent --hub)?", nil
	}
	var newest time.Time
	for _, c := range m.Cells {
		if c.Newest.Started.After(newest) {
			newest = c.Newest.Started
		}
	}
	return fmt.Sprintf("Sonde hub reached: %s, %s, newest run %s ago",
		plural(len(m.Regions), "region"), plural(len(m.Targets), "target"), age(now.Sub(newest))), nil
}

func plural(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return thousands(n) + " " + word
}

// age rounds to what a person says; clocks may differ, so it is never below 0.
func age(d time.Duration) string {
	switch d = max(0, d); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}
