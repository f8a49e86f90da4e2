package wire

import (
	_ "embed" // the lists
	"net/url"
	"strings"

	"github.com/sonde-media/sonde/probes"
)

// What a hop is on the way to the media, as sonde.hop.role tells.
const (
	rolePrefix  = "prefix"       // counts the listener and redirects on
	roleAds     = "ad_insertion" // puts advertisements in, or sends to what does
	roleCDN     = "cdn"          // serves from an edge
	roleOrigin  = "origin"       // serves, and no CDN is named
	roleUnknown = "unknown"
)

// A service is who runs the hosts that a pattern stands for.
type service struct{ host, path, name string }

//go:embed prefixes.txt
var prefixText string

//go:embed hosts.txt
var hostText string

var prefixHosts, adHosts = services(prefixText), services(hostText)

// services reads lines of pattern, tab, name. The lists are compiled in, and a
// test holds every line to its form.
func services(text string) map[string][]service {
	byHost := map[string][]service{}
	for line := range strings.Lines(text) {
		pattern, name, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok || strings.HasPrefix(pattern, "#") {
			continue
		}
		host, path, _ := strings.Cut(strings.TrimPrefix(pattern, "."), "/")
		byHost[host] = append(byHost[host], service{host, strings.TrimSuffix("/"+path, "/"), name})
	}
	return byHost
}

// serviceOf is whom u belongs to by list. Host and path are matched from their
// beginning: prefixes are chained in paths, as in op3.dev/e/dts.podtrac.com/…,
// and the one that is asked is the first.
func serviceOf(list map[string][]service, u *url.URL) (service, bool) {
	path := u.EscapedPath() + "/"
	for host := u.Hostname(); host != ""; _, host, _ = strings.Cut(host, ".") {
		for _, s := range list[host] {
			if strings.HasPrefix(path, s.path+"/") {
				return s, true
			}
		}
	}
	return service{}, false
}

// noteRole tells what a hop is by its URL alone, so that it is told of one that
// can't be reached too.
func noteRole(s *probes.Step, u *url.URL) {
	role := roleUnknown
	by, ok := serviceOf(prefixHosts, u)
	if ok {
		role = rolePrefix
	} else if by, ok = serviceOf(adHosts, u); ok {
		role = roleAds
	}
	s.Set(probes.AttrHopRole, role)
	s.Set(probes.AttrHopService, by.name)
}

// noteRedirectRole tells what a hop is that redirects to next.
func noteRedirectRole(s *probes.Step, next *url.URL) {
	if s.Text(probes.AttrHopRole) == roleUnknown && insertsAds(next) {
		s.Set(probes.AttrHopRole, roleAds)
	}
}

// sessionKeys are what ad servers add to the URL of the audio that they have
// put together for one listener: AdsWizz's, AdsWizz's, Megaphone's.
var sessionKeys = []string{"listeningSessionID", "x-ais-classified", "request_event_id"}

// insertsAds reports whether u is audio put together for one listener.
func insertsAds(u *url.URL) bool {
	if _, ok := serviceOf(adHosts, u); !ok {
		return false
	}
	query := "&" + u.RawQuery
	for _, key := range sessionKeys {
		if strings.Contains(query, "&"+key+"=") {
			return true
		}
	}
	return false
}

// noteLastRole tells what the hop is that answered in the end. A host that
// inserts advertisements, with no CDN before it, did so itself.
func noteLastRole(s *probes.Step) {
	switch {
	case isCDN(s.Text(probes.AttrCDNName)):
		s.Set(probes.AttrHopRole, roleCDN)
	case s.Text(probes.AttrHopRole) != roleAds:
		s.Set(probes.AttrHopRole, roleOrigin)
	}
}
