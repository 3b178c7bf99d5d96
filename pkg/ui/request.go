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
	"time"

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

var (
	errTooLarge = &refusal{http.StatusRequestEntityTooLarge, "The list has more than " + strconv.Itoa(config.MaxSize) + " bytes, which is what a ConfigMap holds."}
	errTooLong  = &refusal{http.StatusServiceUnavailable, "The evaluation took too long and was stopped. Expressions cost most: put other conditions beside them."}
	errBusy     = &refusal{http.StatusServiceUnavailable, "The gateway is busy with other lists; try again in a moment."}
)

// answers returns a handler that reads a request, calls answer in turn, and
// writes the result as JSON. The context ends when the client disconnects.
func (u *UI) answers(answer func(context.Context, request) (any, error)) http.HandlerFunc {
	return u.limited(func(w http.ResponseWriter, r *http.Request) {
		out, err := u.answer(w, r, answer)
		var refused *refusal
		switch {
		case r.Context().Err() != nil: // the client has disconnected
		case errors.As(err, &refused):
			http.Error(w, refused.text, refused.status)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			w.Header().Set("Content-Type", "application/json")
			_ = http.NewResponseController(w).SetWriteDeadline(u.now().Add(u.writeTimeout))
			_ = json.NewEncoder(w).Encode(out)
		}
	})
}

// answer reads a request and answers it. The lists of all requests that are read
// or wait take at most maxListBytes.
func (u *UI) answer(w http.ResponseWriter, r *http.Request, answer func(context.Context, request) (any, error)) (any, error) {
	size := r.ContentLength
	switch {
	case size > config.MaxSize:
		return nil, errTooLarge
	case size < 0:
		size = config.MaxSize
	}
	if !u.lists.TryAcquire(size) {
		return nil, errBusy
	}
	defer u.lists.Release(size)
	list, err := u.readList(w, r)
	if err != nil {
		return nil, err
	}
	return u.inTurn(r.Context(), request{list: list, query: r.URL.Query()}, answer)
}

// inTurn answers a request when no other is being answered, within
// evaluationTime. The next request has to wait until as much time again has
// passed, so all requests together take at most half of one CPU.
func (u *UI) inTurn(ctx context.Context, q request, answer func(context.Context, request) (any, error)) (any, error) {
	waiting, stop := context.WithTimeout(ctx, maxWait)
	defer stop()
	if err := u.evaluations.Acquire(waiting, 1); err != nil {
		if ctx.Err() == nil {
			return nil, errBusy
		}
		return nil, ctx.Err()
	}
	began := time.Now()
	defer func() { time.AfterFunc(time.Since(began), func() { u.evaluations.Release(1) }) }()
	answering, stop := context.WithTimeout(ctx, u.evaluationTime)
	defer stop()
	out, err := answer(answering, q)
	if err != nil && ctx.Err() == nil && answering.Err() != nil {
		return nil, errTooLong
	}
	return out, err
}

// readList returns the filter list in a request's body.
func (u *UI) readList(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != listType {
		return nil, &refusal{http.StatusUnsupportedMediaType, "The body must be a filter list with Content-Type " + listType + "."}
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(u.now().Add(bodyTimeout))
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, config.MaxSize))
	var larger *http.MaxBytesError
	switch {
	case errors.As(err, &larger):
		return nil, errTooLarge
	case err != nil:
		return nil, &refusal{http.StatusBadRequest, "The list did not arrive."}
	}
	// The server continues to read the connection, so it notices that the client
	// disconnects.
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
