package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/sonde-media/sonde/probes"
)

// maxSeries bounds the series of one instrument: outcomes and codes of a
// hundred thousand targets. The configuration bounds them below that.
const maxSeries = 500_000

// metrics are the instruments, fed by one walk over each finished run.
type metrics struct {
	provider *sdkmetric.MeterProvider
	meter    metric.Meter
	region   attribute.KeyValue

	runs         *counts
	runDuration  metric.Float64Histogram
	stepDuration metric.Float64Histogram
	startup      metric.Float64Histogram
	lateness     metric.Float64Histogram

	runSeries  seriesBy[runKey]
	stepSeries seriesBy[stepKey]
	services   seriesBy[string]
	own        *series // of the agent as a whole
	certs      certificates
}

func newMetrics(e *Exporter) (*metrics, error) {
	region := attribute.String("region", probes.Bounded(e.opts.Resource.Region))
	runs := newCounts(region)
	options, err := readers(e.opts, runs)
	if err != nil {
		return nil, err
	}
	options = append(options, sdkmetric.WithResource(e.opts.Resource.resource()), sdkmetric.WithCardinalityLimit(maxSeries))
	m := &metrics{
		provider: sdkmetric.NewMeterProvider(options...),
		region:   region,
		runs:     runs,
		own:      newSeries(set(region)),
	}
	m.meter = m.provider.Meter(scopeName)
	if err := errors.Join(m.open(), m.observeCertificates(), m.observeSpools(e)); err != nil {
		return nil, errors.Join(fmt.Errorf("metrics: %w", err), m.close())
	}
	return m, nil
}

// readers are the ways by which metrics leave, and runs with them.
func readers(o Options, runs *counts) (options []sdkmetric.Option, err error) {
	to, err := otlpEndpoint(o.OTLP, "metrics")
	if err != nil {
		return nil, err
	}
	if to.url != "" {
		exporter, err := newMetricExporter(to, o.Roots, o.Log)
		if err != nil {
			return nil, err
		}
		options = append(options, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(runs))))
	}
	if o.Registry != nil {
		reader, err := promexporter.New(promexporter.WithRegisterer(o.Registry), promexporter.WithoutScopeInfo(), promexporter.WithProducer(runs),
			promexporter.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes))
		if err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
		options = append(options, sdkmetric.WithReader(reader))
	}
	return options, nil
}

func (m *metrics) open() error {
	var errs [4]error
	m.runDuration, errs[0] = m.seconds("sonde.run.duration", "Duration of runs.")
	m.stepDuration, errs[1] = m.seconds("sonde.step.duration", "Duration of the steps of runs.")
	m.startup, errs[2] = m.seconds("sonde.media.startup", "From the first byte asked for to the first frame decoded.")
	m.lateness, errs[3] = m.seconds("sonde.agent.lateness", "How much later than scheduled runs began.")
	return errors.Join(errs[:]...)
}

func (m *metrics) seconds(name, about string) (metric.Float64Histogram, error) {
	return m.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(about),
		metric.WithExplicitBucketBoundaries(bounds...))
}

// observeCertificates tells lifetimes as they are when asked: they shrink
// between runs.
func (m *metrics) observeCertificates() error {
	_, err := m.meter.Float64ObservableGauge("sonde.certificate.lifetime", metric.WithUnit("s"),
		metric.WithDescription("Time left until the host's certificate expires; negative after."),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			for host, left := range m.certs.lifetimes(time.Now()) {
				o.Observe(left.Seconds(), with(attribute.String(probes.AttrServerAddress, host), m.region))
			}
			return nil
		}))
	return err
}

func (m *metrics) observeSpools(e *Exporter) error {
	bytes, err1 := m.meter.Int64ObservableGauge("sonde.agent.spool_bytes", metric.WithUnit("By"), metric.WithDescription("What waits in the spools."))
	age, err2 := m.meter.Float64ObservableGauge("sonde.agent.spool_age", metric.WithUnit("s"), metric.WithDescription("Age of the oldest that waits in the spools."))
	dropped, err3 := m.meter.Int64ObservableCounter("sonde.agent.dropped", metric.WithUnit("{run}"), metric.WithDescription("Runs that a destination will never have."))
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	_, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s, region := e.spools(), with(m.region)
		o.ObserveInt64(bytes, s.bytes, region)
		o.ObserveFloat64(age, s.age.Seconds(), region)
		o.ObserveInt64(dropped, s.dropped, region)
		return nil
	}, bytes, age, dropped)
	return err
}

// observeAgent tells what agent does until the returned function is called.
func (m *metrics) observeAgent(agent func() Agent) (unregister func(), err error) {
	flight, err1 := m.meter.Int64ObservableGauge("sonde.agent.in_flight", metric.WithUnit("{run}"), metric.WithDescription("Runs in flight."))
	missed, err2 := m.meter.Int64ObservableCounter("sonde.agent.missed_runs", metric.WithUnit("{run}"), metric.WithDescription("Runs that were due and not started."))
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	r, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		a, region := agent(), with(m.region)
		o.ObserveInt64(flight, int64(a.InFlight), region)
		o.ObserveInt64(missed, a.Missed, region)
		return nil
	}, flight, missed)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return func() { r.Unregister() }, nil
}

func (m *metrics) close() error {
	ctx, cancel := context.WithTimeout(background, lastUpload)
	defer cancel()
	return m.provider.Shutdown(ctx)
}
