package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sonde-media/sonde/internal/agent"
	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/telemetry"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// roots are those of the servers.
var roots = sync.OnceValue(func() *x509.CertPool {
	text, err := os.ReadFile(filepath.Join(os.Getenv(dirKey), "ca.pem"))
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) && len(text) > 0 {
		panic(fmt.Sprintf("no roots: %v", err))
	}
	return pool
})

// withSonde calls f with a probe that does what an agent does with a run. Its
// hub is away, so that runs stay in the spool.
func withSonde(f func(probe func(job) error) error) (err error) {
	agent.SaveCPU()
	net, err := wire.New(wire.Options{Roots: roots(), AllowPrivate: true})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(os.Getenv(dirKey), "spool")
	if err != nil {
		return err
	}
	exporter, err := telemetry.Open(telemetry.Options{
		Resource: telemetry.Resource{Version: "bench", Instance: "bench", Region: "bench"},
		Dir:      dir, Hub: "http://127.0.0.1:1", Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { exporter.Run(ctx, func() telemetry.Agent { return telemetry.Agent{} }) })
	defer func() {
		stop()
		wg.Wait()
		err = errors.Join(err, exporter.Close())
	}()
	targets := map[string]probes.Func{}
	return f(func(j job) error {
		t := probes.Target{Name: j.Case, Kind: j.Kind, URL: j.URL, Options: j.Options}
		if targets[j.Case] == nil {
			if targets[j.Case], err = config.NewProbe(net, t); err != nil {
				return err
			}
		}
		return each(j.Count, func() error {
			run := probes.Do(ctx, targets[j.Case], t)
			exporter.Send(run)
			if run.Outcome == probes.Failed || run.Outcome == probes.Unknown {
				return fmt.Errorf("%s %s: %s", run.Outcome, run.Code, run.Detail)
			}
			return nil
		})
	})
}

// plain probes as a loop around net/http would.
func plain(j job) error {
	return each(j.Count, func() error {
		client := http.Client{Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots()},
			DisableKeepAlives: true,
			ForceAttemptHTTP2: true,
		}}
		r, err := http.NewRequest(http.MethodGet, j.URL, nil)
		if err != nil {
			return err
		}
		if j.Range != "" {
			r.Header.Set("Range", j.Range)
		}
		res, err := client.Do(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode >= 300 {
			return fmt.Errorf("%s: %v", res.Status, err)
		}
		return nil
	})
}

// profiled writes a CPU profile of f to path, where there is one.
func profiled(path string, f func() error) error {
	if path == "" {
		return f()
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return errors.Join(err, out.Close())
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, out.Close())
}
