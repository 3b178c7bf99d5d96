package ui

import (
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed assets
var assets embed.FS

// Handler returns the handler of the page.
func (u *UI) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", u.index())
	mux.HandleFunc("GET /assets/{file...}", serveAssets())
	mux.HandleFunc("GET /api/stream", u.stream)
	mux.HandleFunc("POST /api/evaluate", u.answers(u.evaluate))
	mux.HandleFunc("POST /api/explain", u.answers(u.explain))
	mux.HandleFunc("POST /api/suggest", u.answers(u.suggest))
	mux.HandleFunc("POST /api/export", u.answers(u.export))
	return u.protect(mux)
}

// index serves the page. It does not use html/template, with which the linker keeps
// unused methods, a third of the binary's size.
func (u *UI) index() http.HandlerFunc {
	page, err := assets.ReadFile("assets/index.html")
	if err != nil {
		panic("ui: the page is not in the binary: " + err.Error())
	}
	now := ""
	if u.options.Status == nil {
		now = "hidden"
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		nonce := rand.Text()
		w.Header().Set("Content-Security-Policy", contentPolicy(nonce))
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = strings.NewReplacer(
			"{{nonce}}", html.EscapeString(nonce),
			"{{where}}", html.EscapeString(u.options.Where),
			"{{version}}", html.EscapeString(u.options.Version),
			"{{now}}", now,
		).WriteString(w, string(page))
	}
}

// serveAssets serves the files of the page. They change with the program, so
// browsers ask each time and are answered 304.
func serveAssets() http.HandlerFunc {
	etags := map[string]string{}
	_ = fs.WalkDir(assets, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := assets.ReadFile(name)
		sum := sha256.Sum256(data)
		etags[name] = `"` + hex.EncodeToString(sum[:8]) + `"`
		return err
	})
	return func(w http.ResponseWriter, r *http.Request) {
		name := "assets/" + r.PathValue("file")
		etag, ok := etags[name]
		if !ok || path.Ext(name) == ".html" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", etag)
		http.ServeFileFS(w, r, assets, name)
	}
}
