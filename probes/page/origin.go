package page

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/html"

	"github.com/sonde-media/sonde/internal/wire"
)

// A mode is how browsers ask other origins for a resource (Fetch, 2.2.5).
type mode int

const (
	unchecked    mode = iota // no-cors: it is used, but nobody may look into it
	anonymous                // cors: its server must let the page's origin have it
	credentialed             // cors with cookies: it must let these too; none are sent here
)

// modeOf is what the attribute crossorigin of n says (HTML, 2.5.4).
func modeOf(n *html.Node) mode {
	switch v, ok := lookup(n, "crossorigin"); {
	case !ok:
		return unchecked
	case strings.EqualFold(v, "use-credentials"):
		return credentialed
	}
	return anonymous
}

// asks returns the Origin that browsers send for a on page, "" for none.
func (a *asset) asks(page *url.URL) string {
	if own := originOf(page); a.mode != unchecked && originOf(a.url) != own {
		return own
	}
	return ""
}

// barred says why browsers keep what came from page, although it is whole.
func (a *asset) barred(page *url.URL) error {
	own := originOf(page)
	if a.blind && (originOf(a.url) != own || originOf(a.resp.URL) != own) {
		return errors.New("integrity: it is of another origin, and browsers check that only with the attribute crossorigin")
	}
	if a.origin == "" || a.mode == unchecked {
		return nil
	}
	return a.allowed()
}

// allowed is the CORS check (Fetch, 4.10). A redirect to a third origin makes
// browsers say that theirs is null.
func (a *asset) allowed() error {
	allow := strings.Join(a.resp.Header.Values("Access-Control-Allow-Origin"), ", ")
	switch {
	case allow == "*" && a.mode == anonymous:
		return nil
	case allow == "":
		return fmt.Errorf("%s of another origin without Access-Control-Allow-Origin, which %s may not use", a.role, a.origin)
	case allow != a.origin && (allow != "null" || a.resp.Hops < 2):
		return fmt.Errorf("%s of another origin whose Access-Control-Allow-Origin is %.100q, which %s may not use", a.role, allow, a.origin)
	case a.mode == credentialed && a.resp.Header.Get("Access-Control-Allow-Credentials") != "true":
		return fmt.Errorf("%s of another origin, asked for with credentials, without Access-Control-Allow-Credentials", a.role)
	}
	return nil
}

// originOf writes the origin of u as browsers do (HTML, 7.1.1), "" for none.
func originOf(u *url.URL) string {
	v := *u
	if wire.Normalize(&v) != nil {
		return ""
	}
	usual := map[string]string{"http": ":80", "https": ":443"}[v.Scheme]
	return v.Scheme + "://" + strings.TrimSuffix(v.Host, usual)
}
