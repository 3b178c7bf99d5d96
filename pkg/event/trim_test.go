package event

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// of returns a text of n bytes.
func of(n int) string { return strings.Repeat("x", n) }

func TestTrimCutsTexts(t *testing.T) {
	t.Parallel()
	texts := map[string]struct {
		limit int
		field func(e *corev1.Event) *string
	}{
		"message":                        {MaxMessage, func(e *corev1.Event) *string { return &e.Message }},
		"reason":                         {MaxText, func(e *corev1.Event) *string { return &e.Reason }},
		"type":                           {MaxText, func(e *corev1.Event) *string { return &e.Type }},
		"action":                         {MaxText, func(e *corev1.Event) *string { return &e.Action }},
		"reportingComponent":             {MaxText, func(e *corev1.Event) *string { return &e.ReportingController }},
		"reportingInstance":              {MaxText, func(e *corev1.Event) *string { return &e.ReportingInstance }},
		"source.component":               {MaxText, func(e *corev1.Event) *string { return &e.Source.Component }},
		"source.host":                    {MaxText, func(e *corev1.Event) *string { return &e.Source.Host }},
		"metadata.generateName":          {MaxText, func(e *corev1.Event) *string { return &e.GenerateName }},
		"involvedObject.kind":            {MaxText, func(e *corev1.Event) *string { return &e.InvolvedObject.Kind }},
		"involvedObject.namespace":       {MaxText, func(e *corev1.Event) *string { return &e.InvolvedObject.Namespace }},
		"involvedObject.name":            {MaxText, func(e *corev1.Event) *string { return &e.InvolvedObject.Name }},
		"involvedObject.uid":             {MaxText, func(e *corev1.Event) *string { return (*string)(&e.InvolvedObject.UID) }},
		"involvedObject.apiVersion":      {MaxText, func(e *corev1.Event) *string { return &e.InvolvedObject.APIVersion }},
		"involvedObject.resourceVersion": {MaxText, func(e *corev1.Event) *string { return &e.InvolvedObject.ResourceVersion }},
		"involvedObject.fieldPath":       {MaxText, func(e *corev1.Event) *string { return &e.InvolvedObject.FieldPath }},
		"related.name":                   {MaxText, func(e *corev1.Event) *string { return &e.Related.Name }},
		"ownerReferences.name":           {MaxText, func(e *corev1.Event) *string { return &e.OwnerReferences[0].Name }},
		"ownerReferences.uid":            {MaxText, func(e *corev1.Event) *string { return (*string)(&e.OwnerReferences[0].UID) }},
		"finalizers":                     {MaxText, func(e *corev1.Event) *string { return &e.Finalizers[0] }},
	}
	cases := map[string]struct {
		text func(limit int) string
		want func(limit int) string
	}{
		"the longest":     {of, of},
		"a byte too long": {func(limit int) string { return of(limit + 1) }, func(limit int) string { return of(limit) + "… [1 bytes cut]" }},
		"far too long":    {func(int) string { return of(1 << 20) }, func(limit int) string { return fmt.Sprintf("%s… [%d bytes cut]", of(limit), 1<<20-limit) }},
		"cut between two characters": {
			func(limit int) string { return of(limit-1) + "世界" },
			func(limit int) string { return of(limit-1) + "… [6 bytes cut]" },
		},
		"invalid UTF-8": {
			func(limit int) string { return strings.Repeat("\x80", limit+2) },
			func(limit int) string { return fmt.Sprintf("… [%d bytes cut]", limit+2) },
		},
	}
	for field, text := range texts {
		for name, tc := range cases {
			t.Run(field+" "+name, func(t *testing.T) {
				t.Parallel()
				e := &corev1.Event{Related: &corev1.ObjectReference{}}
				e.OwnerReferences, e.Finalizers = make([]metav1.OwnerReference, 1), make([]string, 1)
				*text.field(e) = tc.text(text.limit)
				Trim(e)
				got, want := *text.field(e), tc.want(text.limit)
				if got != want {
					t.Errorf("%d bytes that end in %q, want %d that end in %q", len(got), got[max(len(got)-30, 0):], len(want), want[max(len(want)-30, 0):])
				}
			})
		}
	}
}

func TestTrimRemovesAnnotationsAndLabels(t *testing.T) {
	t.Parallel()
	// many returns that many entries of 1 KiB, keys included.
	many := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprintf("key-%04d", i)] = of(1024 - len("key-0000"))
		}
		return m
	}
	with := func(m map[string]string, key, value string) map[string]string {
		m = maps.Clone(m)
		m[key] = value
		return m
	}
	tests := map[string]struct {
		annotations, labels         map[string]string
		wantAnnotations, wantLabels map[string]string
	}{
		"none":            {},
		"up to the bound": {annotations: many(16), labels: many(16), wantAnnotations: many(16), wantLabels: many(16)},
		"one, because it is too large": {
			annotations:     map[string]string{"config": of(1 << 20)},
			wantAnnotations: map[string]string{"config": of(MaxAnnotations-6) + fmt.Sprintf("… [%d bytes cut]", 1<<20-MaxAnnotations+6), TrimmedAnnotation: "1 annotations and 0 labels were left out or cut"},
		},
		"the last ones by key": {
			annotations:     many(20),
			wantAnnotations: with(many(16), TrimmedAnnotation, "4 annotations and 0 labels were left out or cut"),
		},
		"labels, and notes it in an annotation": {
			labels:          many(18),
			wantAnnotations: map[string]string{TrimmedAnnotation: "0 annotations and 2 labels were left out or cut"},
			wantLabels:      many(16),
		},
		"whose keys alone are too large": {
			annotations:     map[string]string{"a": "small", of(MaxAnnotations + 1): "x"},
			wantAnnotations: map[string]string{"a": "small", TrimmedAnnotation: "1 annotations and 0 labels were left out or cut"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Annotations: tc.annotations, Labels: tc.labels}}
			Trim(e)
			if diff := cmp.Diff(tc.wantAnnotations, e.Annotations); diff != "" {
				t.Errorf("annotations want (-), got (+):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantLabels, e.Labels); diff != "" {
				t.Errorf("labels want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestTrimChangesNothingWithinTheBounds(t *testing.T) {
	t.Parallel()
	e := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "pequod", Name: "web-0.17a", GenerateName: "web-0.", UID: "u", ResourceVersion: "42",
			Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "Pod", Name: "web-0"}}, Finalizers: []string{"f"},
		},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "pequod", Name: "web-0", FieldPath: "spec.containers{web}"},
		Related:        &corev1.ObjectReference{Kind: "Node", Name: "n1"},
		Reason:         "BackOff", Message: "Back-off restarting failed container – 世界", Type: corev1.EventTypeWarning,
		Source: corev1.EventSource{Component: "kubelet", Host: "n1"}, Series: &corev1.EventSeries{Count: 3},
	}
	want := e.DeepCopy()
	e.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet"}} // these always go
	Trim(e)
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// TestTrimmedEventsAreSmall makes every field that a writer controls as large as a
// request may be.
func TestTrimmedEventsAreSmall(t *testing.T) {
	t.Parallel()
	const large = 1 << 20
	reference := corev1.ObjectReference{
		Kind: of(large), Namespace: of(large), Name: of(large), UID: types.UID(of(large)), APIVersion: of(large), ResourceVersion: of(large), FieldPath: of(large),
	}
	e := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{GenerateName: of(large), Annotations: map[string]string{}, Labels: map[string]string{}},
		InvolvedObject: reference, Related: &reference,
		Reason: of(large), Message: of(large), Type: of(large), Action: of(large), ReportingController: of(large), ReportingInstance: of(large),
		Source: corev1.EventSource{Component: of(large), Host: of(large)},
	}
	for i := range 5000 {
		key := fmt.Sprint("key-", i)
		e.Annotations[key], e.Labels[key] = of(200), of(63)
		e.OwnerReferences = append(e.OwnerReferences, metav1.OwnerReference{APIVersion: of(2000), Kind: of(2000), Name: of(2000), UID: types.UID(of(2000))})
		e.Finalizers = append(e.Finalizers, of(2000))
	}
	Trim(e)
	if len(e.OwnerReferences) != MaxReferences || len(e.Finalizers) != MaxReferences {
		t.Errorf("%d owners and %d finalizers, want %d each", len(e.OwnerReferences), len(e.Finalizers), MaxReferences)
	}
	if size := e.Size(); size > MaxSize {
		t.Errorf("%d bytes, want at most %d", size, MaxSize)
	}
	if !utf8.ValidString(e.Message) {
		t.Error("the message is not UTF-8 any more")
	}
}
