package wire

import (
	"fmt"
	"strings"

	"github.com/sonde-media/sonde/probes"
)

// A client gives up where there are more redirects than it follows.
type client struct {
	name    string
	follows int
}

// clients are those whose bound is known, by how many redirects they follow.
var clients = []client{
	{"Android's DownloadManager", 4}, // DownloadThread: five requests; met by a podcast app, github.com/podverse/podverse-rn issue 2161
	{"Dart's http package", 5},       // BaseRequest.maxRedirects; met by podcasts, github.com/781flyingdutchman/background_downloader issue 726
	{"Kodi", 5},                      // CurlFile.cpp
	{"MPD", 5},                       // CurlInputPlugin.cxx
	{"FFmpeg", 8},                    // libavformat/http.c
	{"Go's net/http", 9},             // ten requests; tried
	{"Python's urllib", 10},          // tried
	{"Apple's URLSession", 16},       // developer.apple.com, NSURLErrorHTTPTooManyRedirects
	{"Android's Media3", 20},         // DefaultHttpDataSource
	{"OkHttp", 20},                   // RetryAndFollowUpInterceptor
	{"gPodder", 30},
	{"libcurl", 30}, // CURLOPT_MAXREDIRS, since 8.3.0
}

// advised is how many redirects podcast hosts advise at most.
const advised = 4

// countHops notes on the last hop where some clients don't come as far.
func countHops(s *probes.Step, host string, hops int) {
	redirects := hops - 1
	if lost := givingUp(redirects); lost != "" {
		detail := fmt.Sprintf("%d hops: passes; %s", hops, lost)
		s.Find(probes.Note(probes.HopCount, host, detail))
	}
}

// givingUp names the clients that don't follow so many redirects, "" where all
// do.
func givingUp(redirects int) string {
	var names []string
	for _, c := range clients {
		if redirects > c.follows {
			names = append(names, c.name)
		}
	}
	switch last := len(names) - 1; {
	case last < 0:
		return ""
	case last == 0:
		return fmt.Sprintf("%s gives up (at most %d redirects are advised)", names[0], advised)
	default:
		return fmt.Sprintf("%s and %s give up (at most %d redirects are advised)", strings.Join(names[:last], ", "), names[last], advised)
	}
}
