// Package page probes a web page as a browser loads it: the document, then
// everything the document and its style sheets make a browser fetch. A page
// whose HTML answers 200 while a resource that blocks its rendering can't be
// used is failed; where only other resources fail it is degraded.
//
//	probe page
//	├─ document ├─ hop … ├─ parse └─ assert …    one a thing that the target asserts
//	├─ asset …              one a sub-resource
//	└─ link …               where the target asks for it, one a page linked to
//
// Assets stand in page order: first those of the document, then what its
// style sheets import, sheet by sheet, and their images, last the fonts.
//
// The page is read, not rendered, and no script runs. The reader stands in for
// a screen with a mouse: of 1280 by 800 pixels at density 1 unless the option
// viewport says another, whatever a meta element named viewport asks for. By it
// media queries, sizes and densities are judged. What is taken:
//
//   - style sheets whatever their media, for browsers fetch them all; those
//     whose media matches are read for more. Sheets that are alternate or
//     disabled are left;
//   - scripts that a browser with modules runs;
//   - one candidate of srcset and picture, one playable source of audio and
//     video and its first bytes, posters, default tracks, frames (their
//     document only), objects, one icon, preloads;
//   - of CSS every @import, and the images of rules that select an element
//     which no attribute hides, pseudo-classes aside but for those that wait for
//     a pointer; whether such a rule wins the cascade is not worked out;
//   - faces of fonts that such a rule asks for by family, where the text has a
//     character of their range, nearest to the weights and styles that rules and
//     elements ask for: the first source in a format browsers read.
//
// Images and frames that load lazily, noscript, templates, manifests and
// prefetches are left. On a page of https, images and media of http are
// fetched by https, and anything else of http is left, as browsers do.
//
// Blocking are style sheets in the head whose media matches with what they
// import, synchronous scripts in the head, and what says blocking=render.
//
// What comes must be what was asked for: an error page in place of a sheet, a
// script, an image or a font fails, as does what doesn't hash to the element's
// attribute integrity, with the finding integrity_mismatch. So does what browsers
// keep from a page of another origin: scripts and sheets with integrity and no
// attribute crossorigin; and what they ask for by CORS (fonts, modules, and
// scripts, sheets and images with crossorigin) where the answer's
// Access-Control-Allow-Origin leaves the page's origin out. Where such a thing
// blocks its code is page_blocking, else page_asset.
package page
