package drill

import (
	"bytes"
	"cmp"
	"html"
	"image"
	"image/png"
	"strings"
	"time"
)

const pageText = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="icon" href="{own}/icon.png">
<link rel="stylesheet" href="{assets}/site.css">
<link rel="stylesheet" href="{assets}/print.css" media="print">
<script src="{assets}/first.js"></script>
<script src="{assets}/shop.js" defer></script>{widget}
</head>
<body>
<h1><img src="{assets}/logo.svg" alt="{title}" width="120" height="40"></h1>
<ul class="goods">
<li><img src="{assets}/lamp.png" alt="A lamp" width="160" height="160">
<li><img src="{assets}/kettle.png" alt="A kettle" width="160" height="160" loading="lazy">
<li><img src="{assets}/chair.png" srcset="{assets}/chair.png 1x, {assets}/chair-2x.png 2x" alt="A chair" width="160" height="160">
</ul>
</body>
</html>
`

const widgetText = `
<script src="{widget}/like.js" async></script>`

const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40"><rect width="120" height="40" rx="8" fill="#264653"/></svg>
`

// buildPage makes a page: a document on one host, what it needs to be seen on
// another, and perhaps a stranger's button on a third.
func (w *World) buildPage(p Page, now time.Time) {
	const js = "text/javascript; charset=utf-8"
	dir := "/" + p.Name
	widget := ""
	if p.Widget != "" {
		widget = strings.ReplaceAll(widgetText, "{widget}", w.URL(p.Widget, dir))
		w.put(p.Widget, dir+"/like.js", file{contentType: js, body: []byte("document.documentElement.dataset.like = 'yes';\n"), modified: now})
	}
	host := cmp.Or(p.Assets, p.Host)
	text := strings.NewReplacer("{title}", html.EscapeString(p.Title), "{own}", dir, "{assets}", w.URL(host, dir), "{widget}", widget).Replace(pageText)
	w.put(p.Host, p.Path, file{contentType: "text/html; charset=utf-8", body: []byte(text), modified: now})
	w.put(p.Host, dir+"/icon.png", file{contentType: "image/png", body: picture(32), modified: now})
	for name, f := range assets() {
		f.modified = now
		w.put(host, dir+name, f)
	}
}

// put adds a file to a host's site.
func (w *World) put(host, path string, f file) {
	if w.sites[host] == nil {
		w.sites[host] = site{}
	}
	w.sites[host][path] = f
}

// assets is what pages need.
func assets() map[string]file {
	const css, js = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
	return map[string]file{
		"/site.css":     {contentType: css, body: []byte("@import \"theme.css\";\nbody { margin: 2rem; background: url(dots.svg) }\n.goods { display: flex; gap: 1rem; list-style: none }\n")},
		"/theme.css":    {contentType: css, body: []byte("body { color: #264653; font-family: sans-serif }\n")},
		"/print.css":    {contentType: css, body: []byte("body { background: none }\n")},
		"/first.js":     {contentType: js, body: []byte("document.documentElement.classList.add('js');\n")},
		"/shop.js":      {contentType: js, body: []byte("for (const i of document.images) i.decoding = 'async';\n")},
		"/logo.svg":     {contentType: "image/svg+xml", body: []byte(svg)},
		"/dots.svg":     {contentType: "image/svg+xml", body: []byte(svg)},
		"/lamp.png":     {contentType: "image/png", body: picture(160)},
		"/kettle.png":   {contentType: "image/png", body: picture(161)},
		"/chair.png":    {contentType: "image/png", body: picture(162)},
		"/chair-2x.png": {contentType: "image/png", body: picture(320)},
	}
}

// picture is a square PNG of a pattern that its size decides.
func picture(size int) []byte {
	img := image.NewGray(image.Rect(0, 0, size, size))
	for i := range img.Pix {
		img.Pix[i] = uint8(i % size * (i / size) / (size/16 + 1))
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic("drill: the picture can't be written: " + err.Error()) // a buffer takes all
	}
	return b.Bytes()
}
