package decide

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestForged(t *testing.T) {
	for name, test := range map[string]struct {
		namespace, claims string
		eventTime         bool // as writers of events.k8s.io/v1 set it
		why               string
	}{
		"an object in the Event's namespace":              {"pequod", "pequod", false, ""},
		"an object in the namespace of a new Event":       {"pequod", "pequod", true, ""},
		"an object in another namespace":                  {"evil", "pequod", false, `an Event in namespace "evil" cannot be about an object in "pequod"`},
		"a new Event about another namespace":             {"evil", "pequod", true, `an Event in namespace "evil" cannot be about an object in "pequod"`},
		"an Event in default about another namespace":     {"default", "pequod", true, `an Event in namespace "default" cannot be about an object in "pequod"`},
		"an Event in kube-system about another namespace": {"kube-system", "pequod", true, `an Event in namespace "kube-system" cannot be about an object in "pequod"`},
		"a Node in default":                               {"default", "", false, ""},
		"a new Event about a Node in default":             {"default", "", true, ""},
		"a new Event about a Node in kube-system":         {"kube-system", "", true, ""},
		"an old Event about a Node in kube-system":        {"kube-system", "", false, `an Event in namespace "kube-system" cannot be about a cluster-scoped object`},
		"a Node elsewhere":                                {"evil", "", false, `an Event in namespace "evil" cannot be about a cluster-scoped object`},
		"a new Event about a Node elsewhere":              {"evil", "", true, `an Event in namespace "evil" cannot be about a cluster-scoped object`},
		"an Event that was never stored":                  {"", "", false, ""},
		"an Event without a namespace about one that has": {"", "pequod", false, `an Event in namespace "" cannot be about an object in "pequod"`},
	} {
		t.Run(name, func(t *testing.T) {
			e := &corev1.Event{
				ObjectMeta:     metav1.ObjectMeta{Namespace: test.namespace},
				InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: test.claims, Name: "web-0"},
			}
			if test.eventTime {
				e.EventTime = metav1.NewMicroTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
			}
			if got := Forged(e); got != (test.why != "") {
				t.Errorf("Forged: %t", got)
			}
			if got := whyForged(e); test.why != "" && got != test.why {
				t.Errorf("why: %s", got)
			}
		})
	}
}
