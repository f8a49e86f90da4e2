package drill

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"time"
)

const shopPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>The Shop</title>
<link rel="icon" href="/icon.png">
<link rel="stylesheet" href="{assets}/site.css">
<link rel="stylesheet" href="{assets}/print.css" media="print">
<script src="{assets}/first.js"></script>
<script src="{assets}/shop.js" defer></script>
</head>
<body>
<h1><img src="{assets}/logo.svg" alt="The Shop" width="120" height="40"></h1>
<ul class="goods">
<li><img src="{assets}/lamp.png" alt="A lamp" width="160" height="160">
<li><img src="{assets}/kettle.png" alt="A kettle" width="160" height="160" loading="lazy">
<li><img src="{assets}/chair.png" srcset="{assets}/chair.png 1x, {assets}/chair-2x.png 2x" alt="A chair" width="160" height="160">
</ul>
</body>
</html>
`

const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40"><rect width="120" height="40" rx="8" fill="#264653"/></svg>
`

// buildShop makes the storefront: a document on one host, what it needs to be
// seen on another.
func (w *World) buildShop(now time.Time) {
	const css, js = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
	page := strings.ReplaceAll(shopPage, "{assets}", w.URL(ShopAssets, ""))
	w.sites[Shop] = site{
		"/":         {"text/html; charset=utf-8", []byte(page), now},
		"/icon.png": {"image/png", picture(32), now},
	}
	w.sites[ShopAssets] = site{
		"/site.css":     {css, []byte("@import \"theme.css\";\nbody { margin: 2rem; background: url(dots.svg) }\n.goods { display: flex; gap: 1rem; list-style: none }\n"), now},
		"/theme.css":    {css, []byte("body { color: #264653; font-family: sans-serif }\n"), now},
		"/print.css":    {css, []byte("body { background: none }\n"), now},
		"/first.js":     {js, []byte("document.documentElement.classList.add('js');\n"), now},
		"/shop.js":      {js, []byte("for (const i of document.images) i.decoding = 'async';\n"), now},
		"/logo.svg":     {"image/svg+xml", []byte(svg), now},
		"/dots.svg":     {"image/svg+xml", []byte(svg), now},
		"/lamp.png":     {"image/png", picture(160), now},
		"/kettle.png":   {"image/png", picture(161), now},
		"/chair.png":    {"image/png", picture(162), now},
		"/chair-2x.png": {"image/png", picture(320), now},
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
