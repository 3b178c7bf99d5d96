package cloudevents

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
)

// backOff returns an accepted Event about pod web-0.
func backOff() delivery.Build {
	return delivery.Build{
		ID: "01kdyabkw0s6yex28fx1302m8t", By: "back-off", Group: "namespace pequod in 10m",
		Event: &corev1.Event{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "pequod", Name: "web-0.17a", UID: "5d3e9a80", ResourceVersion: "7",
				CreationTimestamp: metav1.NewTime(time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)),
				ManagedFields:     []metav1.ManagedFieldsEntry{{Manager: "kubelet"}},
			},
			InvolvedObject: corev1.ObjectReference{APIVersion: "apps/v1", Kind: "Pod", Namespace: "pequod", Name: "web-0"},
			Reason:         "BackOff", Type: "Warning", Message: "Back-off restarting\nfailed container", Count: 3,
			Source:        corev1.EventSource{Component: "kubelet"},
			LastTimestamp: metav1.NewTime(time.Date(2026, 1, 2, 3, 14, 15, 0, time.UTC)),
		},
	}
}

func TestAMessageSaysWhatHappened(t *testing.T) {
	t.Parallel()
	b := backOff()
	m, err := newMessage(b, "/clusters/c/namespaces/n/gateways/g")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{
		"specversion": m.SpecVersion(), "id": m.ID(), "source": m.Source(), "type": m.Type(), "subject": m.Subject(), "time": m.Time(),
		"datacontenttype": m.DataContentType(),
	}
	maps.Copy(got, m.Extensions())
	want := map[string]any{
		"specversion": "1.0", "id": "01kdyabkw0s6yex28fx1302m8t", "source": "/clusters/c/namespaces/n/gateways/g",
		"type": "sh.brigade.k8s.Pod.BackOff", "subject": "Pod/pequod/web-0", "time": time.Date(2026, 1, 2, 3, 14, 15, 0, time.UTC),
		"datacontenttype": "application/json", "apiversion": "apps/v1", "kind": "Pod", "namespace": "pequod", "name": "web-0", "reason": "BackOff",
		"eventtype": "Warning", "component": "kubelet", "count": int32(3), "filter": "back-off", "group": "namespace_pequod_in_10m",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var e corev1.Event
	if err := json.Unmarshal(m.Data(), &e); err != nil {
		t.Fatal(err)
	}
	b.Event.ManagedFields = nil
	if diff := cmp.Diff(b.Event, &e); diff != "" {
		t.Error("the data is not the Event without its managedFields:\n", diff)
	}
}

func TestAttributesAreHarmless(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	tests := map[string]struct {
		kind, namespace, name, reason string
		typ, subject                  string
	}{
		"a pod":                      {"Pod", "pequod", "web-0", "BackOff", "sh.brigade.k8s.Pod.BackOff", "Pod/pequod/web-0"},
		"a node has no namespace":    {"Node", "", "n1.example.com", "NodeNotReady", "sh.brigade.k8s.Node.NodeNotReady", "Node/n1.example.com"},
		"nothing":                    {"", "", "", "", "sh.brigade.k8s._._", "/"},
		"a kind with dots":           {"a.b", "", "n", "c.d", "sh.brigade.k8s.a_b.c.d", "a_b/n"},
		"a name with slashes":        {"Pod", "a/b", "c/d", "R", "sh.brigade.k8s.Pod.R", "Pod/a_b/c_d"},
		"a role's name":              {"ClusterRole", "", "system:node", "R", "sh.brigade.k8s.ClusterRole.R", "ClusterRole/system:node"},
		"line ends and headers":      {"Pod\r\nX: y", "n", "a\x00b", "R\n", "sh.brigade.k8s.Pod__X__y.R_", "Pod__X__y/n/a_b"},
		"templates":                  {"$(id)", "n", "${x}{{y}}", "`id`", "sh.brigade.k8s.__id_._id_", "__id_/n/__x___y__"},
		"what HTTP would encode":     {"Pöd", "n", `100% "x"`, "世界", "sh.brigade.k8s.P_d.__", "P_d/n/100___x_"},
		"no UTF-8":                   {"\xff", "n", "a\xffb", "\xfe", "sh.brigade.k8s._._", "_/n/a_b"},
		"kind and reason too long":   {long, "n", "a", long, "sh.brigade.k8s." + long[:63] + "." + long[:128], long[:63] + "/n/a"},
		"namespace and name as well": {"Pod", long, long, "R", "sh.brigade.k8s.Pod.R", "Pod/" + long[:253] + "/" + long[:253]},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: tc.kind, Namespace: tc.namespace, Name: tc.name}, Reason: tc.reason}
			if got := Type(e); got != tc.typ {
				t.Errorf("type %q, want %q", got, tc.typ)
			}
			if got := Subject(e); got != tc.subject {
				t.Errorf("subject %q, want %q", got, tc.subject)
			}
		})
	}
}

// FuzzMessage makes messages of hostile Events. Each is valid, and has the same values in
// headers and in JSON.
func FuzzMessage(f *testing.F) {
	f.Add("Pod", "pequod", "web-0", "BackOff", "kubelet", "Warning", "filters[0]")
	f.Add("", "", "", "", "", "", "")
	f.Add("a\r\nb", "%41", "\xff", "\u2028", "$(x)", `"`, "é")
	f.Fuzz(func(t *testing.T, kind, namespace, name, reason, component, typ, by string) {
		m, err := newMessage(delivery.Build{ID: "x", By: by, Group: name, Event: &corev1.Event{
			InvolvedObject: corev1.ObjectReference{APIVersion: component, Kind: kind, Namespace: namespace, Name: name},
			Reason:         reason, ReportingController: component, Type: typ, Message: name,
		}}, "/s")
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{m.Type(), m.Subject()}
		for name, value := range m.Extensions() {
			if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || len(name) > 20 {
				t.Errorf("extension %q", name)
			}
			if text, ok := value.(string); ok {
				texts = append(texts, text)
			}
		}
		for _, text := range texts {
			if text == "" || len(text) > 2*maxValue+maxKind+2 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '%' || r == '"' }) {
				t.Errorf("attribute %q", text)
			}
		}
	})
}
