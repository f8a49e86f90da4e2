package main

import (
	"testing"

	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/probes"
)

// A region listed without a place must not stand in the Gulf of Guinea.
func TestAgentIsLocatedWhereTheConfigurationSays(t *testing.T) {
	cfg := &config.Config{Regions: map[string]config.Region{
		"eu-west": {Name: "Ireland", Lat: 53.3, Lon: -6.3},
		"lab":     {Name: "Lab"},
	}}
	for region, want := range map[string]bool{"eu-west": true, "lab": false} {
		o := agentOptions{config: cfg, region: region, data: t.TempDir()}
		got, err := o.telemetry(nil)
		if err != nil || got.Resource.Located != want {
			t.Errorf("%s: located %v, %v, want %v", region, got.Resource.Located, err, want)
		}
	}
	o := agentOptions{config: cfg, region: "mars", data: t.TempDir()}
	if _, err := o.telemetry(nil); err == nil {
		t.Error("a region that isn't listed was taken")
	}
}

func TestRemoteTargets(t *testing.T) {
	for url, want := range map[string]bool{
		"https://feeds.example.org/": true, "http://192.0.2.1/": true, "http://10.0.0.1/": true,
		"http://127.0.0.1:8080/": false, "http://[::1]/": false, "http://localhost/": false,
	} {
		if got := isRemote(probes.Target{URL: url}); got != want {
			t.Errorf("%s: got %v", url, got)
		}
	}
}
