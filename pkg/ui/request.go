package ui

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
)

// listType is the content type of a filter list in a request. Browsers send it
// to another origin only after asking, and are refused.
const listType = "application/yaml"

// request is a request of the page: a filter list, and a query about it.
type request struct {
	list  []byte
	query url.Values
}

// refusal is an answer with another status than 200. Its text is for people.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// answers returns a handler that reads a request, calls answer, and writes the
// result as JSON. At most maxEvaluations requests are answered at the same time,
// each within maxEvaluationTime. The context ends when the client disconnects.
func (u *UI) answers(answer func(context.Context, request) (any, error)) http.HandlerFunc {
	return u.limited(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), u.evaluationTime)
		defer cancel()
		list, err := u.readList(w, r)
		var out any
		if err == nil {
			out, err = u.inTurn(ctx, request{list: list, query: r.URL.Query()}, answer)
		}
		var refused *refusal
		switch {
		case r.Context().Err() != nil: // the client has disconnected
		case errors.As(err, &refused):
			http.Error(w, refused.text, refused.status)
		case ctx.Err() != nil:
			http.Error(w, "The evaluation took too long and was stopped. Expressions cost most: put other conditions beside them.", http.StatusServiceUnavailable)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			w.Header().Set("Content-Type", "application/json")
			_ = http.NewResponseController(w).SetWriteDeadline(u.now().Add(u.writeTimeout))
			_ = json.NewEncoder(w).Encode(out)
		}
	})
}

// inTurn answers a request once fewer than maxEvaluations others are being answered.
func (u *UI) inTurn(ctx context.Context, q request, answer func(context.Context, request) (any, error)) (any, error) {
	if err := u.evaluations.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer u.evaluations.Release(1)
	return answer(ctx, q)
}

// readList returns the filter list in a request's body.
func (u *UI) readList(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != listType {
		return nil, &refusal{http.StatusUnsupportedMediaType, "The body must be a filter list with Content-Type " + listType + "."}
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(u.now().Add(bodyTimeout))
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, config.MaxSize))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &refusal{http.StatusRequestEntityTooLarge, "The list has more than " + strconv.Itoa(config.MaxSize) + " bytes, which is what a ConfigMap holds."}
	case err != nil:
		return nil, &refusal{http.StatusBadRequest, "The list did not arrive."}
	}
	// The server goes on reading the connection, which is how it notices that the
	// client disconnects.
	_ = control.SetReadDeadline(noDeadline)
	return text, nil
}

// event returns the Event that a request is about.
func (u *UI) event(q request) (*entry, error) {
	id, err := strconv.ParseInt(q.query.Get("event"), 10, 64)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "event must be the number of an Event."}
	}
	x, ok := u.store.get(id)
	if !ok {
		return nil, &refusal{http.StatusNotFound, "This Event is not held any more: newer ones took its place."}
	}
	return x, nil
}
