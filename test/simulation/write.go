package simulation

import (
	"fmt"
	"net/http"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes/scheme"
)

func (q *request) groupResource() schema.GroupResource {
	return schema.GroupResource{Group: q.codec.group.Group, Resource: q.resource}
}

// get answers a get. It and all following functions are called with the lock held.
func (s *Server) get(q *request) (runtime.Object, error) {
	if q.resource == secrets {
		return nil, apierrors.NewForbidden(q.groupResource(), q.name, fmt.Errorf("the gateway's account may not get secrets"))
	}
	o := s.history.live[key{q.resource, q.namespace, q.name}]
	if o == nil {
		return nil, apierrors.NewNotFound(q.groupResource(), q.name)
	}
	return o, nil
}

// create answers a create, which began at the given moment.
func (s *Server) create(p *process, q *request, body runtime.Object, began time.Time) (runtime.Object, error) {
	if review, ok := body.(*authorizationv1.SelfSubjectAccessReview); ok {
		answered := review.DeepCopy()
		answered.Status.Allowed = true
		return answered, nil
	}
	o, err := s.admit(q, body)
	if err != nil {
		return nil, err
	}
	k := keyOf(q.resource, o)
	if s.history.live[k] != nil {
		return nil, apierrors.NewAlreadyExists(q.groupResource(), k.name)
	}
	o.SetCreationTimestamp(second(time.Now()))
	o.SetUID(s.uid())
	if q.query.Get("dryRun") == "All" {
		return o, nil
	}
	s.store(p, k, o, began)
	return o, nil
}

// update answers an update, which names the version that it replaces.
func (s *Server) update(p *process, q *request, body runtime.Object) (runtime.Object, error) {
	o, err := s.admit(q, body)
	if err != nil {
		return nil, err
	}
	k := keyOf(q.resource, o)
	live := s.history.live[k]
	switch {
	case live == nil:
		return nil, apierrors.NewNotFound(q.groupResource(), k.name)
	case o.GetUID() != "" && o.GetUID() != live.GetUID():
		return nil, apierrors.NewConflict(q.groupResource(), k.name, fmt.Errorf("uid: the object was recreated"))
	case o.GetResourceVersion() != "" && o.GetResourceVersion() != live.GetResourceVersion():
		return nil, apierrors.NewConflict(q.groupResource(), k.name, fmt.Errorf("the object has been modified; please apply your changes to the latest version and try again"))
	}
	o.SetUID(live.GetUID())
	o.SetCreationTimestamp(live.GetCreationTimestamp())
	s.store(p, k, o, time.Now())
	return o, nil
}

// patch answers a patch of one of the gateway's own Events, with which an event recorder
// raises the count.
func (s *Server) patch(p *process, q *request, data []byte) (runtime.Object, error) {
	k := key{q.resource, q.namespace, q.name}
	live, ok := s.history.live[k].(*corev1.Event)
	if !ok {
		return nil, apierrors.NewNotFound(q.groupResource(), q.name)
	}
	next, err := patched(live, data)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	s.store(p, k, next, time.Now())
	return next, nil
}

func patched(live *corev1.Event, data []byte) (*corev1.Event, error) {
	original, err := runtime.Encode(scheme.Codecs.LegacyCodec(corev1.SchemeGroupVersion), live)
	if err != nil {
		return nil, err
	}
	merged, err := strategicpatch.StrategicMergePatch(original, data, &corev1.Event{})
	if err != nil {
		return nil, err
	}
	next := &corev1.Event{}
	if err := runtime.DecodeInto(scheme.Codecs.LegacyCodec(corev1.SchemeGroupVersion), merged, next); err != nil {
		return nil, err
	}
	return next, nil
}

// admit returns the object to store of a body, or an error.
func (s *Server) admit(q *request, body runtime.Object) (object, error) {
	switch body.(type) {
	case *corev1.Event, *corev1.Secret, *corev1.ConfigMap, *coordinationv1.Lease:
	default:
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the model does not store %T", body))
	}
	o, ok := body.DeepCopyObject().(object)
	if !ok || q.namespace == "" || o.GetNamespace() != q.namespace {
		return nil, apierrors.NewBadRequest("the namespace of the object is not that of the request")
	}
	if secret, ok := o.(*corev1.Secret); ok {
		if err := fit(secret); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// store writes o and notes it in the record.
func (s *Server) store(p *process, k key, o object, began time.Time) {
	previous := s.history.live[k]
	s.history.put(k, o)
	switch o := o.(type) {
	case *corev1.Event:
		s.record.ended(previous, time.Now())
		s.record.event(o, time.Now())
		s.expire(k, o)
	case *corev1.Secret:
		s.record.build(p, o, began)
		s.brigade.build(o)
	case *corev1.ConfigMap:
		old, _ := previous.(*corev1.ConfigMap)
		s.record.position(p, old, o)
	case *coordinationv1.Lease:
		s.record.lease(p, o)
	}
	s.wake()
}

// expire deletes an Event when its TTL has passed, unless it is written before.
func (s *Server) expire(k key, e *corev1.Event) {
	version := e.ResourceVersion
	epoch := s.epoch
	time.AfterFunc(s.options.EventTTL, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if live := s.history.live[k]; s.epoch == epoch && live != nil && live.GetResourceVersion() == version {
			s.delete(k, "expired")
		}
	})
}

// delete removes an existing object. how is the text of the trace.
func (s *Server) delete(k key, how string) {
	if k.resource == events {
		s.record.ended(s.history.live[k], time.Now())
		s.trace.addf("cluster", "event %s/%s %s", k.namespace, k.name, how)
	}
	s.history.remove(k)
	s.wake()
}

// uid returns a unique identifier, the same in each run.
func (s *Server) uid() types.UID {
	s.uids++
	return types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", s.uids))
}

// The marks of an Event whose build the API server always refuses.
const (
	tooLargeMark = "simulation: too large"
	invalidMark  = "simulation: invalid"
)

// fit refuses a build Secret if its Event has one of the marks.
func fit(secret *corev1.Secret) error {
	switch payload := secret.Data["payload"]; {
	case contains(payload, tooLargeMark):
		return &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusRequestEntityTooLarge,
			Reason: metav1.StatusReasonRequestEntityTooLarge, Message: "Request entity too large: limit is 3145728",
		}}
	case contains(payload, invalidMark):
		return apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, secret.Name, field.ErrorList{
			field.TooLong(field.NewPath("data"), "", corev1.MaxSecretSize),
		})
	default:
		return nil
	}
}
