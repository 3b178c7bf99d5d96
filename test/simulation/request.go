package simulation

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The resources that the model serves.
const (
	events     = "events"
	secrets    = "secrets"
	configMaps = "configmaps"
	leases     = "leases"
	pods       = "pods"
	reviews    = "selfsubjectaccessreviews"
)

// request is one parsed request.
type request struct {
	verb      string
	resource  string
	namespace string
	name      string
	query     url.Values
	codec     codec
}

// understand parses the path of a request.
func understand(r *http.Request) (*request, error) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var group schema.GroupVersion
	switch {
	case len(parts) > 2 && parts[0] == "api":
		group, parts = corev1.SchemeGroupVersion, parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		group, parts = schema.GroupVersion{Group: parts[1], Version: parts[2]}, parts[3:]
	default:
		return nil, fmt.Errorf("no such path: %s", r.URL.Path)
	}
	q := &request{query: r.URL.Query(), codec: codecFor(r, group)}
	if len(parts) > 2 && parts[0] == "namespaces" {
		q.namespace, parts = parts[1], parts[2:]
	}
	q.resource = parts[0]
	if len(parts) > 1 {
		q.name = parts[1]
	}
	q.verb = verbOf(r.Method, q)
	if group == coordinationv1.SchemeGroupVersion != (q.resource == leases) {
		return nil, fmt.Errorf("no such resource: %s in %s", q.resource, group)
	}
	return q, nil
}

func verbOf(method string, q *request) string {
	switch method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		return "delete"
	}
	switch {
	case q.query.Get("watch") == "true" || q.query.Get("watch") == "1":
		return "watch"
	case q.name == "":
		return "list"
	default:
		return "get"
	}
}

// String returns the request's text in a trace.
func (q *request) String() string {
	where := q.resource
	if q.namespace != "" {
		where += " " + q.namespace
	}
	if q.name != "" {
		where += "/" + q.name
	}
	return q.verb + " " + where
}
