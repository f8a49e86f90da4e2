package wire_test

import (
	"context"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// A server that drops questions for AAAA delays a run a little and no more; a
// name of which nothing is known is waited for.
func TestSilentAboutAAAA(t *testing.T) {
	resolver := wiretest.DNS(t, map[string][]string{"half.test": {"127.0.0.1", "SILENT AAAA"}, "none.test": {"SILENT AAAA"}})
	n := newNet(t, wire.Options{Resolver: resolver})
	for host, want := range map[string]probes.Code{"half.test": probes.GuardAddress, "none.test": probes.DNSTimeout} {
		r := probes.Do(t.Context(), func(ctx context.Context, s *probes.Step, t probes.Target) error {
			_, err := n.Fetch(ctx, s, wire.Request{URL: t.URL, Keep: 1})
			return err
		}, probes.Target{URL: "http://" + host + "/", Timeout: 2 * time.Second})
		if r.Code != want {
			t.Errorf("%s: got %s: %s", host, r.Code, r.Detail)
		}
	}
}
