package telemetry

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// background is for calls that ask for a context where there is none to pass
// on, because nothing is waited for or a bound of their own ends them.
var background = context.Background()

// partial reads an answer of 200 and returns how many spans were refused, and
// what the receiver has to say about it.
func partial(contentType string, body []byte) (rejected int64, message string) {
	var answer collector.ExportTraceServiceResponse
	if !strings.HasPrefix(contentType, "application/x-protobuf") || proto.Unmarshal(body, &answer) != nil {
		return 0, ""
	}
	p := answer.GetPartialSuccess()
	return p.GetRejectedSpans(), p.GetErrorMessage()
}

// An endpoint is where one signal goes.
type endpoint struct {
	url     string
	headers http.Header
}

// host is what logs may say of the endpoint: a URL can hold a key.
func (e endpoint) host() string {
	u, err := url.Parse(e.url)
	if err != nil {
		return ""
	}
	return u.Host
}

// tracesPath is where a receiver takes spans, below its base.
const tracesPath = "/v1/traces"

// hubEndpoint is where spans go on the hub at base.
func hubEndpoint(base, token string) (endpoint, error) {
	e := endpoint{url: strings.TrimRight(base, "/") + tracesPath, headers: http.Header{}}
	if token != "" {
		e.headers.Set("Authorization", "Bearer "+token)
	}
	return e, checkURL("hub", base)
}

// otlpEndpoint is where the signal ("traces" or "metrics") goes besides the
// hub: to base, or to where the standard environment variables say, or
// nowhere: then its url is "".
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/
func otlpEndpoint(base, signal string) (endpoint, error) {
	upper := strings.ToUpper(signal)
	own := os.Getenv("OTEL_EXPORTER_OTLP_" + upper + "_ENDPOINT")
	common := cmp.Or(base, os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	e := endpoint{url: own, headers: http.Header{}}
	if base != "" || own == "" && common != "" {
		e.url = strings.TrimRight(common, "/") + "/v1/" + signal
	}
	if e.url == "" {
		return e, nil
	}
	protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_"+upper+"_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"))
	if base == "" && protocol != "" && protocol != "http/protobuf" {
		return e, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL: %s is not spoken, http/protobuf is", protocol)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_" + upper + "_HEADERS"} {
		if err := e.addHeaders(os.Getenv(name)); err != nil {
			return e, fmt.Errorf("%s: %w", name, err)
		}
	}
	return e, checkURL("otlp", e.url)
}

// addHeaders adds what list says: key=value, separated by commas, values
// percent-encoded. Its errors don't repeat values, which are secrets often.
func (e endpoint) addHeaders(list string) error {
	for pair := range strings.SplitSeq(list, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			return fmt.Errorf("want key=value with a percent-encoded value, separated by commas")
		}
		e.headers.Set(strings.TrimSpace(key), value)
	}
	return nil
}

func checkURL(what, raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", what, errors.Unwrap(err))
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%s: want an http or https URL, got %q", what, u.Redacted())
	}
	return nil
}

// newMetricExporter returns the stock exporter to e. What it can't deliver is
// logged and forgotten: sums are cumulative, so the next export heals it.
func newMetricExporter(e endpoint, roots *x509.CertPool, log *slog.Logger) (metric.Exporter, error) {
	headers := map[string]string{}
	for key := range e.headers {
		headers[key] = e.headers.Get(key)
	}
	client := newUploadClient(newTransport(roots))
	x, err := otlpmetrichttp.New(background, otlpmetrichttp.WithEndpointURL(e.url), otlpmetrichttp.WithHeaders(headers),
		otlpmetrichttp.WithHTTPClient(client), otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: false}))
	if err != nil {
		return nil, fmt.Errorf("otlp metrics: %w", err)
	}
	return &loggedExporter{x, client, log}, nil
}

type loggedExporter struct {
	metric.Exporter
	client *http.Client
	log    *slog.Logger
}

func (l *loggedExporter) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	if err := l.Exporter.Export(ctx, m); err != nil {
		l.log.Warn("metrics not sent", "err", withoutURL(err))
	}
	return nil
}

func (l *loggedExporter) Shutdown(ctx context.Context) error {
	err := l.Exporter.Shutdown(ctx)
	l.client.CloseIdleConnections()
	return err
}
