package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// Bounds of the look that finds out what a URL is.
const (
	lookTime  = 5 * time.Second
	lookBytes = 64 << 10
)

// findKind finds out what rawURL is: by the extension of its path, or else by a
// short look at it, no longer than timeout unless that is 0. An extension says
// what is meant to be there, and a run must tell where an error page is served
// in its place. Where the look fails the run will tell why; its kind is then
// what the URL's path looks like.
//
// The look goes by a Net that the run doesn't: a Retry-After that it was
// answered would keep the run away, which then couldn't say what is wrong.
func findKind(ctx context.Context, n *wire.Net, rawURL string, timeout time.Duration) string {
	if kind := kindByExtension(rawURL); kind != "" {
		return kind
	}
	ctx, cancel := context.WithTimeout(ctx, min(cmp.Or(timeout, lookTime), lookTime))
	defer cancel()
	part := fmt.Sprintf("bytes=0-%d", lookBytes-1) // a whole file would be a download to who counts them
	res, err := n.Fetch(ctx, probes.NewStep("look"), wire.Request{URL: rawURL, Range: part, Keep: lookBytes, StopAtKeep: true})
	if err != nil {
		return kindByPath(rawURL)
	}
	return kindByContent(res.Header.Get("Content-Type"), res.Body)
}

// feedRoots are the root elements of feeds, RSS 1.0's last.
var feedRoots = [][]byte{[]byte("<rss"), []byte("<feed"), []byte("<rdf:rdf")}

// feedTypes are the ends of the media types of feeds.
var feedTypes = []string{"rss+xml", "atom+xml", "feed+json"}

// kindByContent trusts the bytes before the media type: feeds come as
// text/html and audio as anything.
func kindByContent(mediaType string, body []byte) string {
	mediaType, _, _ = mime.ParseMediaType(mediaType)
	head := bytes.ToLower(body[:min(len(body), 4096)])
	first := len(head)
	if i := bytes.Index(head, []byte("<html")); i >= 0 {
		first = i
	}
	for _, root := range feedRoots {
		if i := bytes.Index(head, root); i >= 0 && i < first {
			return "feed"
		}
	}
	bytesType := http.DetectContentType(body)
	switch {
	case isMedia(bytesType) || isMedia(mediaType) && !strings.HasPrefix(bytesType, "text/html"):
		return "enclosure"
	case slices.ContainsFunc(feedTypes, func(end string) bool { return strings.HasSuffix(mediaType, end) }):
		return "feed"
	}
	return "page"
}

func isMedia(mediaType string) bool {
	return strings.HasPrefix(mediaType, "audio/") || strings.HasPrefix(mediaType, "video/") || mediaType == "application/ogg"
}

// kindByPath goes by how feeds and enclosures are usually named.
func kindByPath(rawURL string) string {
	if kind := kindByExtension(rawURL); kind != "" {
		return kind
	}
	switch path.Base(pathOf(rawURL)) {
	case "feed", "rss", "atom":
		return "feed"
	}
	return "page"
}

// kindByExtension is "" where the path ends in none that tells.
func kindByExtension(rawURL string) string {
	switch path.Ext(pathOf(rawURL)) {
	case ".mp3", ".m4a", ".m4b", ".mp4", ".aac", ".ogg", ".oga", ".opus", ".flac", ".wav":
		return "enclosure"
	case ".xml", ".rss", ".atom", ".rdf":
		return "feed"
	}
	return ""
}

// pathOf is the path of rawURL in lower case, "" where that is no URL.
func pathOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(u.Path, "/"))
}
