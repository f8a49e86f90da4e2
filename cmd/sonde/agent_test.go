package main

import (
	"slices"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/telemetry"
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

// The spool is what the configuration says, and by default what the exporter
// would take.
func TestSpoolIsBounded(t *testing.T) {
	if s := config.DefaultSpool; s != (config.Spool{Bytes: telemetry.DefaultMaxBytes, Age: telemetry.DefaultMaxAge}) {
		t.Errorf("the default is %v, and another one for spools", s)
	}
	cfg := &config.Config{Spool: config.Spool{Bytes: 64 << 20, Age: time.Hour}}
	o := agentOptions{config: cfg, region: "lab", data: t.TempDir()}
	if got, err := o.telemetry(nil); err != nil || got.MaxBytes != 64<<20 || got.MaxAge != time.Hour {
		t.Errorf("got %d bytes, %v, %v", got.MaxBytes, got.MaxAge, err)
	}
	r := running{o: agentOptions{}, config: cfg}
	if keys := r.later(&config.Config{}); !slices.Equal(keys, []string{"spool"}) {
		t.Errorf("counts from the next start: %v", keys)
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
