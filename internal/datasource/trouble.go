package datasource

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sonde-media/sonde/internal/api"
)

// A trouble is why a question has no answer, as a person is told it.
type trouble struct {
	status backend.Status
	source backend.ErrorSource
	text   string
}

func (t trouble) response() backend.DataResponse {
	return backend.DataResponse{
		Error:       backend.NewErrorWithSource(errors.New(t.text), t.source),
		ErrorSource: t.source,
		Status:      t.status,
	}
}

// errNotHub says that what answered speaks JSON but isn't a hub.
var errNotHub = errors.New("the answer isn't a hub's")

// trouble tells whose fault err is. All that isn't the question's own is
// downstream: the hub's, or of what stands between.
func (d *Source) trouble(err error) trouble {
	if e, ok := errors.AsType[badQuestion](err); ok {
		return trouble{backend.StatusBadRequest, backend.ErrorSourcePlugin, e.Error()}
	}
	if e, ok := errors.AsType[badSetting](err); ok {
		return d.downstream(backend.StatusBadRequest, "the data source %q isn't set up: %v", d.settings.name, e)
	}
	if e, ok := errors.AsType[*api.StatusError](err); ok {
		return d.refused(e)
	}
	switch ne, isNet := errors.AsType[net.Error](err); {
	case errors.Is(err, context.Canceled):
		return d.downstream(backend.StatusTimeout, "nobody waits for the answer any more")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isNet && ne.Timeout():
		return d.downstream(backend.StatusTimeout, "the hub at %s didn't answer within %v: ask for a shorter range, "+
			"see whether the hub is well and can be reached from here, or raise the data source's timeout", d.settings.hub, d.settings.timeout)
	}
	if why := unreachable(err); why != "" {
		return d.downstream(backend.StatusBadGateway, "can't reach the hub at %s: %s", d.settings.hub, why)
	}
	return d.downstream(backend.StatusBadGateway, "what answers at %s is no hub, or of another version: %v", d.settings.hub, err)
}

func (d *Source) downstream(status backend.Status, format string, args ...any) trouble {
	return trouble{status, backend.ErrorSourceDownstream, fmt.Sprintf(format, args...)}
}

// refused tells what the hub said, and what to do about it.
func (d *Source) refused(e *api.StatusError) trouble {
	switch {
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		wrong := "it has no token"
		if d.settings.hasToken {
			wrong = "its token is wrong"
		}
		return d.downstream(backend.Status(e.Status), "the hub at %s denies access (%d): enter its token, the value of SONDE_TOKEN where the hub runs, "+
			"as Token in the settings of the data source %q; at present %s. The answer was: %s", d.settings.hub, e.Status, d.settings.name, wrong, e.Message)
	case e.Status == http.StatusBadRequest:
		return trouble{backend.StatusBadRequest, backend.ErrorSourcePlugin, "the hub doesn't take the question: " + e.Message}
	case e.Status == http.StatusNotFound, e.Status == http.StatusTooManyRequests:
		return d.downstream(backend.Status(e.Status), "%s", e.Message)
	case e.Status >= 300 && e.Status < 400:
		return d.downstream(backend.StatusBadGateway, "%s redirects (%d), which hubs never do: enter the URL it leads to, if that is the hub's", d.settings.hub, e.Status)
	}
	return d.downstream(backend.StatusBadGateway, "the hub at %s has a problem (%d): %s", d.settings.hub, e.Status, e.Message)
}

// unreachable says why no connection came about and how to mend it, or "".
func unreachable(err error) string {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("the name %s isn't found; is it spelled well, and known where Grafana runs?", e.Name)
	}
	if why := untrusted(err); why != "" {
		return why
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused; is the hub running, and does it listen on an address that Grafana's machine reaches? Its default, 127.0.0.1, is its own machine alone (sonde hub --listen)"
	case errors.Is(err, http.ErrSchemeMismatch):
		return "it speaks http, not https; enter a URL that begins with http://"
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return err.Error()
	}
	return ""
}

func untrusted(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "its certificate is of an authority that isn't trusted here; enter that as CA certificate in the data source's TLS settings"
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("its certificate is for other names (%v); enter a URL with one of those, or the server name in the data source's TLS settings", e)
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return fmt.Sprintf("its certificate isn't valid (%v); renew it", e)
	}
	if e, ok := errors.AsType[tls.AlertError](err); ok {
		return fmt.Sprintf("it ended the TLS handshake (%v); where it asks for a client's certificate, enter that in the data source's TLS settings", e)
	}
	return ""
}
