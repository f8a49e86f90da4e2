package telemetry

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sonde-media/sonde/probes"
)

// Options are where an exporter delivers to, and its limits.
type Options struct {
	Resource Resource
	Dir      string // of the spools; needed where there is a destination
	Hub      string // base URL of the hub, whose clock is held to be right; "": none
	Token    string // for the hub
	OTLP     string // base URL of another OTLP/HTTP receiver; "": what OTEL_EXPORTER_OTLP_* say
	Config   string // version of the configuration, for the heartbeat

	Roots    *x509.CertPool        // that receivers' certificates lead to; nil: the system's
	Registry prometheus.Registerer // where metrics are to be read; nil: nowhere
	Log      *slog.Logger          // nil: none

	MaxBytes  int64         // of one spool; 0: 1 GiB
	MaxAge    time.Duration // of what waits in a spool; 0: 24 h
	Batch     time.Duration // for how long finished runs are collected; 0: 1 s
	Heartbeat time.Duration // 0: 30 s
}

// Defaults of Options.
const (
	DefaultMaxBytes  = 1 << 30 // of 1,000 targets every 10 s some two to five hours
	DefaultMaxAge    = 24 * time.Hour
	DefaultBatch     = time.Second
	DefaultHeartbeat = 30 * time.Second // a span of half a kilobyte; who is silent for three is missed within two minutes
)

const (
	maxBatchBytes = 4 << 20 // of spans, before compression, that are collected into one batch
	maxUnsaved    = 16      // batches that are kept in memory while the disk doesn't take them
)

// An Agent is what a heartbeat tells besides what the exporter knows itself.
type Agent struct {
	Targets  int
	InFlight int           // runs now
	Missed   int64         // runs since the start that were due and not started
	Config   string        // version of the configuration that runs
	Paused   []string      // names of targets that are not probed now, by pause or maintenance
	Timers   time.Duration // how late the agent's own timers came, at most, since it was asked last
}

// An Exporter makes spans and metrics of finished runs and delivers them: the
// spans to each destination by way of a spool on disk. Between [Open] and
// Close its methods may be called by several goroutines.
//
// A run is kept when it is in the spool of each destination, which is on disk
// and fsynced: within Options.Batch of Send, or later where the disk doesn't
// take it. A process killed, or a machine that loses its power, loses at most
// what isn't kept yet; what else is lost is counted. A kept run arrives at
// least once.
type Exporter struct {
	opts         Options
	started      time.Time
	clock        clock
	encoder      atomic.Pointer[offsetEncoder]
	metrics      *metrics
	destinations []*destination // the hub's first, where there is one
	pulse        pulse

	mu      sync.Mutex // guards what follows
	pending batch

	flushing sync.Mutex // held while a batch goes to disk, so that batches keep their order
	room     []byte     // of the batch before, for the next but one; guarded by flushing
}

// A batch is the spans of some runs, encoded.
type batch struct {
	body []byte // in memory as encoded, on disk gzipped
	runs int    // heartbeats are not counted
}

// Open returns an exporter that has taken over what an earlier process left in
// the spools. Where another process uses them it fails.
func Open(o Options) (_ *Exporter, err error) {
	o.MaxBytes = cmp.Or(o.MaxBytes, DefaultMaxBytes)
	o.MaxAge = cmp.Or(o.MaxAge, DefaultMaxAge)
	o.Batch = cmp.Or(o.Batch, DefaultBatch)
	o.Heartbeat = cmp.Or(o.Heartbeat, DefaultHeartbeat)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	e := &Exporter{opts: o, started: time.Now()}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	if err := e.openDestinations(); err != nil {
		return nil, err
	}
	if e.metrics, err = newMetrics(e); err != nil {
		return nil, err
	}
	return e, e.metrics.observeClock(&e.clock)
}

func (e *Exporter) openDestinations() error {
	if e.opts.Hub != "" {
		to, err := hubEndpoint(e.opts.Hub, e.opts.Token)
		if err != nil {
			return err
		}
		if err := e.openDestination("hub", to, timed{newTransport(e.opts.Roots), &e.clock}); err != nil {
			return err
		}
	}
	to, err := otlpEndpoint(e.opts.OTLP, "traces")
	if err != nil || to.url == "" {
		return err
	}
	return e.openDestination("otlp", to, newTransport(e.opts.Roots))
}

func (e *Exporter) openDestination(name string, to endpoint, by http.RoundTripper) error {
	if e.opts.Dir == "" {
		return errors.New("a spool needs a data directory")
	}
	spool, err := openSpool(filepath.Join(e.opts.Dir, "spool", name), e.opts.MaxBytes, e.opts.MaxAge, e.opts.Log)
	if err != nil {
		return err
	}
	e.destinations = append(e.destinations, &destination{
		name: name, to: to, spool: spool, log: e.opts.Log,
		client: newUploadClient(by), retry: defaultRetry,
	})
	return nil
}

// hub returns the hub as a destination, nil where there is none.
func (e *Exporter) hub() *destination {
	if e.opts.Hub == "" {
		return nil
	}
	return e.destinations[0]
}

// Destinations returns how many receivers of spans there are. Without any,
// Send feeds metrics alone.
func (e *Exporter) Destinations() int { return len(e.destinations) }

// Send hands over a finished run, on whose root it may note how far the clock
// is off. It doesn't wait for the network; where runs
// come faster than the disk takes them it waits for the disk.
func (e *Exporter) Send(run *probes.Run) {
	e.metrics.record(run)
	e.pulse.noteLateness(run.Root.Start.Sub(run.Scheduled))
	e.collect(run, 1)
}

// collect adds a run's spans to the batch that is being collected. All spans
// of a run are in one batch.
func (e *Exporter) collect(run *probes.Run, count int) {
	if len(e.destinations) == 0 {
		return
	}
	encoder := e.encoderFor(e.noteClock(run.Root))
	body := bodies.Get().(*[]byte)
	defer bodies.Put(body)
	*body = encoder.encode((*body)[:0], run)
	if e.append(*body, count) {
		e.flush()
	}
}

// bodies are room for one run each.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// append reports whether the batch is large enough to go.
func (e *Exporter) append(body []byte, count int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pending.body = append(e.pending.body, body...)
	e.pending.runs += count
	return len(e.pending.body) >= maxBatchBytes
}

// flush puts what was collected on the disk.
func (e *Exporter) flush() {
	e.flushing.Lock()
	defer e.flushing.Unlock()
	e.mu.Lock()
	b := e.pending
	e.pending = batch{body: e.room}
	e.room = nil
	e.mu.Unlock()
	e.room = b.body[:0] // deflated below it is free
	if len(b.body) > 0 {
		body, err := deflate(b.body)
		if err != nil { // it writes to memory: only a mistake of ours can end here
			panic(err)
		}
		b.body = body
	}
	for _, d := range e.destinations {
		d.save(b)
	}
}

// Run delivers until ctx is canceled. Then it puts what was collected on the
// disk, tries for at most two seconds to send it, and returns. Where agent is
// not nil it sends heartbeats with what agent tells.
func (e *Exporter) Run(ctx context.Context, agent func() Agent) error {
	if agent != nil {
		agent = e.pulse.heard(agent)
		unregister, err := e.metrics.observeAgent(agent)
		if err != nil {
			return err
		}
		defer unregister()
	}
	timed := make(chan struct{}) // closed when the clocks have been compared, or can't be
	var uploads sync.WaitGroup
	uploads.Go(func() { e.keepTime(ctx, func() { close(timed) }) })
	for _, d := range e.destinations {
		uploads.Go(func() {
			if d == e.hub() {
				<-timed
			}
			d.run(ctx)
		})
	}
	e.tick(ctx, agent, timed)
	e.flush()
	uploads.Wait()
	for _, d := range e.destinations {
		uploads.Go(func() { d.last(ctx) })
	}
	uploads.Wait()
	return nil
}

// tick beats first when begin is closed.
func (e *Exporter) tick(ctx context.Context, agent func() Agent, begin <-chan struct{}) {
	flush := time.NewTicker(e.opts.Batch)
	defer flush.Stop()
	heartbeat := time.NewTicker(e.opts.Heartbeat)
	defer heartbeat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-begin:
			begin = nil
			e.beat(agent)
		case <-heartbeat.C:
			e.beat(agent)
		case <-flush.C:
			e.flush()
		}
	}
}

// beat collects a heartbeat: a run of one step, whose facts are about the
// agent.
func (e *Exporter) beat(agent func() Agent) {
	if agent == nil {
		return
	}
	e.collect(e.heartbeat(agent()), 0)
}

// Close puts what was collected on the disk and releases the spools. Run must
// have returned.
func (e *Exporter) Close() error {
	e.flush()
	var errs []error
	if e.metrics != nil {
		errs = append(errs, e.metrics.close())
	}
	for _, d := range e.destinations {
		d.client.CloseIdleConnections()
		d.spool.close()
	}
	return errors.Join(errs...)
}

// Instance returns the identity of the agent whose data directory is dir,
// making one where there is none: it survives restarts.
func Instance(dir string) (string, error) {
	path := filepath.Join(dir, "instance")
	text, err := os.ReadFile(path)
	if err == nil && len(text) > 0 {
		return string(text), nil
	}
	id := probes.NewTraceID().String()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	if err := writeDurably(path, []byte(id)); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	return id, nil
}
