package simulation

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
)

// selector is the selection of a list or watch.
type selector struct {
	resource  string
	namespace string
	labels    labels.Selector
	fields    fields.Selector
}

func newSelector(r *request) (selector, error) {
	byLabel, err := labels.Parse(r.query.Get("labelSelector"))
	if err != nil {
		return selector{}, fmt.Errorf("label selector: %w", err)
	}
	byField, err := fields.ParseSelector(r.query.Get("fieldSelector"))
	if err != nil {
		return selector{}, fmt.Errorf("field selector: %w", err)
	}
	known := fieldsOf(r.resource, nil)
	for _, requirement := range byField.Requirements() {
		if _, ok := known[requirement.Field]; !ok {
			return selector{}, fmt.Errorf("field label not supported: %s", requirement.Field)
		}
	}
	return selector{resource: r.resource, namespace: r.namespace, labels: byLabel, fields: byField}, nil
}

// matches reports whether o, which may be nil, is in the selection.
func (s selector) matches(k key, o object) bool {
	return o != nil && k.resource == s.resource && (s.namespace == "" || k.namespace == s.namespace) &&
		s.labels.Matches(labels.Set(o.GetLabels())) && s.fields.Matches(fieldsOf(s.resource, o))
}

// fieldsOf returns the fields of o that a field selector can use, as ToSelectableFields
// in k8s.io/kubernetes/pkg/registry, of the resources that the gateway reads.
func fieldsOf(resource string, o object) fields.Set {
	set := fields.Set{"metadata.name": "", "metadata.namespace": ""}
	if o != nil {
		set["metadata.name"], set["metadata.namespace"] = o.GetName(), o.GetNamespace()
	}
	switch resource {
	case events:
		e, ok := o.(*corev1.Event)
		if !ok {
			e = &corev1.Event{}
		}
		set["involvedObject.kind"] = e.InvolvedObject.Kind
		set["involvedObject.namespace"] = e.InvolvedObject.Namespace
		set["involvedObject.name"] = e.InvolvedObject.Name
		set["involvedObject.uid"] = string(e.InvolvedObject.UID)
		set["involvedObject.apiVersion"] = e.InvolvedObject.APIVersion
		set["involvedObject.resourceVersion"] = e.InvolvedObject.ResourceVersion
		set["involvedObject.fieldPath"] = e.InvolvedObject.FieldPath
		set["reason"] = e.Reason
		set["reportingComponent"] = e.ReportingController
		set["source"] = cmp.Or(e.Source.Component, e.ReportingController)
		set["type"] = e.Type
	case pods:
		p, ok := o.(*corev1.Pod)
		if !ok {
			p = &corev1.Pod{}
		}
		set["status.phase"] = string(p.Status.Phase)
		set["spec.nodeName"] = p.Spec.NodeName
	}
	return set
}
