package gateway

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// oncePods accepts what is about pods, one build for all of the same pod.
const oncePods = "project: a/b\nfilters: [{kind: Pod, action: accept, oncePer: 10m}]\n"

// dropped fails the test unless so many builds were counted as dropped.
func dropped(t *testing.T, registry *prometheus.Registry, want float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "builds_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			if metric.GetLabel()[0].GetValue() == "dropped" {
				if got := metric.GetCounter().GetValue(); got != want {
					t.Errorf("%v builds counted as dropped, want %v", got, want)
				}
				return
			}
		}
	}
	t.Error("dropped builds are not counted")
}

func TestAListBringsAsManyBuildsAsMayWait(t *testing.T) {
	t.Parallel()
	about := func(pod string, e *corev1.Event) *corev1.Event {
		e.InvolvedObject.Name = pod
		return e
	}
	tests := map[string]struct {
		filters string
		answers []answer
		want    []string
		dropped float64
	}{
		"what is beyond goes no further and is dropped": {
			filters: acceptPods,
			answers: []answer{
				page("90", "next", accepted("a", "20"), accepted("b", "30")),
				page("90", "", accepted("c", "40"), rejected("d", "41"), accepted("e", "42")),
			},
			want: []string{"a@20", "b@30"}, dropped: 2,
		},
		"events that ask for the same build take one room": {
			filters: oncePods,
			answers: []answer{page("90", "",
				about("x", accepted("a", "20")), about("x", accepted("b", "30")), about("y", accepted("c", "40")), about("x", accepted("d", "41")),
				about("z", accepted("e", "42")),
			)},
			want: []string{"a@20", "b@30", "c@40", "d@41"}, dropped: 1,
		},
		"a list that is begun again drops what its last attempt does": {
			filters: acceptPods,
			answers: []answer{
				page("90", "next", accepted("a", "20"), accepted("b", "30"), accepted("c", "40")), expired(),
				page("95", "", accepted("a", "20"), accepted("c", "40"), accepted("d", "41")),
			},
			want: []string{"a@20", "c@40"}, dropped: 1,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			r := newReaderWith(t, &server{answers: tc.answers}, "10", tc.filters, 2, registry)
			got, err := listed(t, r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("want (-), listed (+):\n%s", diff)
			}
			dropped(t, registry, tc.dropped)
		})
	}
}

func TestADroppedEventHoldsThePositionNoLonger(t *testing.T) {
	t.Parallel()
	r := newReaderWith(t, &server{answers: []answer{page("90", "", accepted("a", "20"), accepted("b", "30"))}}, "10", acceptPods, 1, prometheus.NewRegistry())
	if _, err := listed(t, r); err != nil {
		t.Fatal(err)
	}
	at(t, r, "10")
	built(t, r, "20")
	at(t, r, "90")
}

func TestAWatchBringsAsManyBuildsAsMayWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, registry := &server{source: newSource()}, prometheus.NewRegistry()
		w := &watching{T: t, reader: newReaderWith(t, s, "10", acceptPods, 1, registry), source: s.source}
		w.again(metav1.ListOptions{})
		defer func() { w.stream.Stop() }()

		w.send(watch.Added, accepted("a", "20"))
		w.want("ADDED a@20")
		w.intake.take(accepted("a", "20"))
		w.send(watch.Added, accepted("b", "30"))
		w.want("nothing")
		dropped(t, registry, 1)
		w.send(watch.Modified, accepted("a", "40")) // the build that waits is for this one too
		w.want("MODIFIED a@40")
		at(t, w.reader, "10")
		dropped(t, registry, 1)
	})
}
