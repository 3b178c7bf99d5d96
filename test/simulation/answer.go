package simulation

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// answer returns the response with o, or with err.
func answer(r *http.Request, q *request, o runtime.Object, err error) (*http.Response, error) {
	code := http.StatusOK
	if q.verb == "create" {
		code = http.StatusCreated
	}
	header := http.Header{"Content-Type": []string{q.codec.info.MediaType}}
	if err != nil {
		status := statusOf(err)
		code, o = int(status.Code), status
		if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
			header.Set("Retry-After", strconv.Itoa(int(status.Details.RetryAfterSeconds)))
		}
	}
	body, err := q.codec.encode(o)
	if err != nil {
		return nil, fmt.Errorf("model: encoding %T: %w", o, err)
	}
	return respond(r, code, header, io.NopCloser(bytes.NewReader(body)), int64(len(body))), nil
}

func respond(r *http.Request, code int, header http.Header, body io.ReadCloser, length int64) *http.Response {
	return &http.Response{
		Status: http.StatusText(code), StatusCode: code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: body, ContentLength: length, Request: r,
	}
}

// statusOf returns the Status of an error: its own, or 500.
func statusOf(err error) *metav1.Status {
	var own apierrors.APIStatus
	if !errors.As(err, &own) {
		own = apierrors.NewInternalError(err)
	}
	status := own.Status()
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	return &status
}
