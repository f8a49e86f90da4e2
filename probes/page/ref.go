package page

import (
	"net/url"
	"strings"

	"github.com/sonde-media/sonde/internal/media"
)

// A role is what a sub-resource is to the page.
type role string

// The roles, as sonde.asset.role has them.
const (
	stylesheet role = "stylesheet"
	script     role = "script"
	image      role = "image"
	font       role = "font"
	icon       role = "icon"
	clip       role = "media"
	track      role = "track"
	frame      role = "frame"
	object     role = "object"
	fetched    role = "fetch"      // preloaded for a script
	navigation role = "navigation" // a link, which is no asset
)

const acceptHTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// accepts are the Accept headers browsers send where it isn't */*; servers
// choose formats by them.
var accepts = map[role]string{
	stylesheet: "text/css,*/*;q=0.1",
	image:      "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
	icon:       "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
	frame:      acceptHTML,
}

// A ref is one reference to a sub-resource.
type ref struct {
	url      *url.URL // absolute, without a fragment
	from     *url.URL // of the document or sheet that refers to it
	role     role
	blocking bool              // rendering waits for it
	applies  bool              // a sheet whose rules are in force
	preload  bool              // fetched in advance, not used by this reference
	imports  int               // sheets between the document and this one
	family   string            // of a font
	face     letter            // of a font
	promised []media.Integrity // what it must hash to: all of them
	mode     mode
	blind    bool // something is promised that browsers may not check at other origins
}

// A policy says what of plain http a page may fetch (W3C Mixed Content,
// Upgrade Insecure Requests).
type policy struct {
	page       *url.URL
	upgradeAll bool
}

// upgrades reports whether a content security policy says to fetch everything
// by https.
func upgrades(policies ...string) bool {
	for _, p := range policies {
		if strings.Contains(strings.ToLower(p), "upgrade-insecure-requests") {
			return true
		}
	}
	return false
}

// admit returns u as a browser would fetch it, nil where it would not.
func (p policy) admit(u *url.URL, r role, oneOfSet bool) *url.URL {
	if u.Scheme != "http" || p.page.Scheme != "https" && !p.upgradeAll {
		return u
	}
	upgradable := (r == image || r == icon || r == clip) && !oneOfSet
	if !p.upgradeAll && !upgradable {
		return nil
	}
	v := *u
	v.Scheme = "https"
	if v.Port() == "80" {
		v.Host = strings.TrimSuffix(v.Host, ":80")
	}
	return &v
}

// lineless takes out what browsers take out of URLs (WHATWG URL, 4.4).
var lineless = strings.NewReplacer("\t", "", "\n", "", "\r", "")

// resolve returns raw as an absolute URL without fragment, nil where nothing
// is to be fetched: an empty or fragment-only reference, data:, javascript: …
// What is too long for servers is left out: thousands of references to a long
// base would fill the memory.
func resolve(base *url.URL, raw string) *url.URL {
	if len(raw) > maxURL {
		return nil
	}
	raw = strings.Trim(lineless.Replace(raw), " \f")
	if raw == "" || raw[0] == '#' {
		return nil
	}
	u, err := base.Parse(raw)
	if err != nil {
		// Browsers take a stray percent sign as it stands.
		u, err = base.Parse(strings.ReplaceAll(raw, "%", "%25"))
	}
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil
	}
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	if len(u.String()) > maxURL {
		return nil
	}
	return u
}

// referrer is the Referer header that a browser's default policy
// (strict-origin-when-cross-origin) sends to u; "" for none.
func referrer(from, u *url.URL) string {
	if from.Scheme == "https" && u.Scheme != "https" {
		return ""
	}
	r := *from
	r.User, r.Fragment, r.RawFragment = nil, "", ""
	if from.Scheme != u.Scheme || from.Host != u.Host {
		r.Path, r.RawPath, r.RawQuery, r.ForceQuery = "/", "", "", false
	}
	return r.String()
}
