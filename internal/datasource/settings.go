package datasource

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"

	"github.com/sonde-media/sonde/internal/api"
)

// defaultTimeout is short: a dashboard of panels that hang tells less than
// one that says that its hub is away.
const defaultTimeout = 10 * time.Second

// settings is what a data source is told besides how to ask by HTTP.
type settings struct {
	uid, name string
	hub       string // its URL, without user info
	public    string // its URL as browsers know it, without the last slash
	hasToken  bool
	timeout   time.Duration // of one query
}

// A badSetting is one that somebody has to mend in Grafana.
type badSetting struct{ error }

// configure returns the client that s describes, or what is wrong with s.
func configure(ctx context.Context, s backend.DataSourceInstanceSettings) (settings, *api.Client, error) {
	set := settings{uid: s.UID, name: s.Name, timeout: defaultTimeout}
	base := strings.TrimSpace(s.URL)
	if base == "" {
		return set, nil, badSetting{errors.New("no URL is set: enter the hub's, such as https://hub.example:4318")}
	}
	var own api.Settings
	if len(s.JSONData) > 0 {
		if err := json.Unmarshal(s.JSONData, &own); err != nil {
			return set, nil, badSetting{fmt.Errorf("jsonData: %w", unwrapped(err))}
		}
	}
	if own.Timeout > 0 {
		set.timeout = time.Duration(own.Timeout) * time.Second
	}
	client, err := newClient(ctx, s, base, set.timeout)
	if err != nil {
		return set, nil, badSetting{err}
	}
	set.hasToken = s.DecryptedSecureJSONData["token"] != ""
	set.hub = bare(base)
	set.public = strings.TrimRight(cmp.Or(strings.TrimSpace(own.PublicURL), set.hub), "/")
	return set, client, nil
}

func newClient(ctx context.Context, s backend.DataSourceInstanceSettings, base string, timeout time.Duration) (_ *api.Client, err error) {
	// The SDK panics where JSON holds a number instead of a text.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("jsonData: %v", p)
		}
	}()
	options, err := s.HTTPClientOptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("HTTP settings: %w", err)
	}
	options.Timeouts.Timeout = timeout
	via, err := httpclient.New(options)
	if err != nil {
		return nil, fmt.Errorf("HTTP settings: %w", err)
	}
	return api.NewClientBy(base, strings.TrimSpace(s.DecryptedSecureJSONData["token"]), via)
}

// bare drops what is secret from a URL that people are shown.
func bare(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
