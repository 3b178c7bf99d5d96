package ui

import (
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
)

//go:embed assets
var assets embed.FS

// listType is the content type of a filter list in a request. Browsers send it
// to another origin only after asking, and are refused.
const listType = "application/yaml"

// Handler returns what answers requests for the page.
func (u *UI) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", u.index())
	mux.HandleFunc("GET /assets/{file...}", serveAssets())
	mux.HandleFunc("GET /api/stream", u.stream)
	mux.HandleFunc("POST /api/evaluate", u.limited(u.evaluate))
	mux.HandleFunc("POST /api/explain", u.limited(u.explain))
	mux.HandleFunc("POST /api/suggest", u.limited(u.suggest))
	mux.HandleFunc("POST /api/export", u.limited(u.export))
	return u.protect(mux)
}

// index serves the page. Its places are filled in by hand: html/template
// would keep the linker from leaving out unused methods, for a third of the
// binary's size.
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

// readList returns the filter list in a request's body. It answers the request
// where there is none.
func (u *UI) readList(w http.ResponseWriter, r *http.Request) (text []byte, ok bool) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != listType {
		http.Error(w, "The body must be a filter list with Content-Type "+listType+".", http.StatusUnsupportedMediaType)
		return nil, false
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(u.now().Add(bodyTimeout))
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, config.MaxSize))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, "The list has more than "+strconv.Itoa(config.MaxSize)+" bytes, which is what a ConfigMap holds.", http.StatusRequestEntityTooLarge)
		return nil, false
	case err != nil:
		http.Error(w, "The list did not arrive.", http.StatusBadRequest)
		return nil, false
	}
	// The connection is read on while the request is answered, to see the client go.
	_ = control.SetReadDeadline(noDeadline)
	return text, true
}

// requestedEvent returns the Event that a request is about. It answers the
// request where there is none.
func (u *UI) requestedEvent(w http.ResponseWriter, r *http.Request) (x *entry, ok bool) {
	id, err := strconv.ParseInt(r.URL.Query().Get("id"), 10, 64)
	if err != nil {
		http.Error(w, "id must be the number of an Event.", http.StatusBadRequest)
		return nil, false
	}
	if x, ok = u.store.get(id); !ok {
		http.Error(w, "This Event is not held any more: newer ones took its place.", http.StatusNotFound)
	}
	return x, ok
}

// answer writes v as JSON.
func (u *UI) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = http.NewResponseController(w).SetWriteDeadline(u.now().Add(writeTimeout))
	_ = json.NewEncoder(w).Encode(v)
}
