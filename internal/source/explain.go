package source

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// explain says in words what kept a hub from answering.
func (r *remote) explain(err error) error {
	host := r.url.Host
	invalid, dated := errors.AsType[x509.CertificateInvalidError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s speaks http and not https: write http://%s, or put TLS before it", host, host)
	case r.url.Scheme == "http" && strings.Contains(err.Error(), "malformed HTTP response"):
		return fmt.Errorf("%s doesn't speak http; if it speaks https write https://%s", host, host)
	case dated && invalid.Reason == x509.Expired:
		return fmt.Errorf("the certificate of %s isn't valid at this machine's time, %s: it has expired, or this clock is wrong: %w", host, time.Now().UTC().Format(time.RFC3339), err)
	case unknown:
		return fmt.Errorf("the certificate of %s leads to no root that is known here; name the file with its root by --ca-file: %w", host, err)
	}
	return fmt.Errorf("%s can't be reached: %w", host, err)
}

// withoutURL is what net/http says besides the URL, which may hold a key.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
