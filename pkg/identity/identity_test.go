package identity

import (
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

const project = "brigade-830c16d4aaf6f5490937ad719afd8490a5bcbef064d397411043ac"

// backOff returns an Event about pod web-0 that occurred at the given time.
func backOff(uid types.UID, at time.Time, count int32) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{UID: uid, CreationTimestamp: metav1.NewTime(time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC))},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "pequod", Name: "web-0"},
		Reason:         "BackOff",
		LastTimestamp:  metav1.NewTime(at),
		Count:          count,
	}
}

func TestIdentity(t *testing.T) {
	at := func(minute, second int) time.Time { return time.Date(2026, 1, 2, 3, minute, second, 0, time.UTC) }
	perEvent, tenMinutes, occurrence := filter.OncePer{}, filter.OncePer{Window: 10 * time.Minute}, filter.OncePer{Occurrence: true}
	otherReason := backOff("u1", at(0, 0), 1)
	otherReason.Reason = "Killing"
	otherPod := backOff("u1", at(0, 0), 1)
	otherPod.InvolvedObject.Name = "web-1"
	of := func(apiVersion string) *corev1.Event {
		e := backOff("u1", at(0, 0), 1)
		e.InvolvedObject.APIVersion = apiVersion
		return e
	}

	grouped := func(filterName string, keys ...string) filter.OncePer {
		group := filter.Group(0).All()
		for _, key := range keys {
			var err error
			if group, err = group.With(key); err != nil {
				t.Fatal(err)
			}
		}
		return filter.OncePer{Window: 10 * time.Minute, GroupBy: group, Filter: filterName}
	}
	another := grouped("jobs", "namespace", "reason")
	longer := grouped("pods", "namespace", "reason")
	longer.Window = time.Hour

	tests := map[string]struct {
		a, b               *corev1.Event
		projectA, projectB string
		once               filter.OncePer
		onceB              *filter.OncePer
		same               bool
	}{
		"an event that recurs is one build":                     {a: backOff("u1", at(0, 0), 1), b: backOff("u1", at(9, 0), 5), once: perEvent, same: true},
		"another event object is another build":                 {a: backOff("u1", at(0, 0), 1), b: backOff("u2", at(0, 0), 1), once: perEvent},
		"another project is another build":                      {a: backOff("u1", at(0, 0), 1), b: backOff("u1", at(0, 0), 1), projectB: "brigade-other", once: perEvent},
		"events of one object in one window are one build":      {a: backOff("u1", at(10, 0), 1), b: backOff("u2", at(19, 59), 1), once: tenMinutes, same: true},
		"the next window is another build":                      {a: backOff("u1", at(19, 59), 1), b: backOff("u1", at(20, 0), 2), once: tenMinutes},
		"another reason in the window is another build":         {a: backOff("u1", at(0, 0), 1), b: otherReason, once: tenMinutes},
		"another object in the window is another build":         {a: backOff("u1", at(0, 0), 1), b: otherPod, once: tenMinutes},
		"another length of the window is another build":         {a: backOff("u1", at(0, 0), 1), b: backOff("u1", at(0, 0), 1), once: tenMinutes, onceB: &filter.OncePer{Window: time.Hour}},
		"another API group of the kind is another build":        {a: of("networking.k8s.io/v1"), b: of("extensions/v1"), once: tenMinutes},
		"another version of the API is the same object":         {a: of("networking.k8s.io/v1"), b: of("networking.k8s.io/v1beta1"), once: tenMinutes, same: true},
		"a version of the core group is its name for the group": {a: of("v1"), b: of(""), once: tenMinutes, same: true},
		"another object of the group is the same build":         {a: backOff("u1", at(0, 0), 1), b: otherPod, once: grouped("pods", "namespace", "reason"), same: true},
		"another value that is grouped by is another build":     {a: backOff("u1", at(0, 0), 1), b: otherReason, once: grouped("pods", "namespace", "reason")},
		"all Events of a window can be one group":               {a: otherPod, b: otherReason, once: grouped("pods"), same: true},
		"the next window of a group is another build":           {a: backOff("u1", at(0, 0), 1), b: backOff("u1", at(10, 0), 1), once: grouped("pods", "namespace")},
		"the group of another filter is another build":          {a: backOff("u1", at(0, 0), 1), b: backOff("u1", at(0, 0), 1), once: grouped("pods", "namespace", "reason"), onceB: &another},
		"another length of a group's window is another build":   {a: backOff("u1", at(0, 0), 1), b: backOff("u1", at(0, 0), 1), once: grouped("pods", "namespace", "reason"), onceB: &longer},
		"each occurrence is a build":                            {a: backOff("u1", at(0, 0), 1), b: backOff("u1", at(0, 5), 2), once: occurrence},
		"an occurrence whose time is touched stays one build":   {a: backOff("u1", at(0, 0), 2), b: backOff("u1", at(0, 5), 2), once: occurrence, same: true},
		"the same occurrence of another event is another build": {a: backOff("u1", at(0, 0), 1), b: backOff("u2", at(0, 0), 1), once: occurrence},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if tc.projectB == "" {
				tc.projectB = project
			}
			if tc.onceB == nil {
				tc.onceB = &tc.once
			}
			a, b := Of(project, tc.a, tc.once), Of(Target(tc.projectB), tc.b, *tc.onceB)
			if (a == b) != tc.same {
				t.Errorf("%s and %s: same is %t, want %t", a, b, a == b, tc.same)
			}
		})
	}
}

// TestIDsAreStable fixes the IDs themselves: a release that computed others
// would build everything again that is in the Event history when it starts.
func TestIDsAreStable(t *testing.T) {
	e := backOff("5d3e9a80-7f0e-4c53-8f5e-0a64a2a0a001", time.Date(2026, 1, 2, 3, 14, 15, 0, time.UTC), 3)
	tests := map[string]struct {
		once filter.OncePer
		id   string
		time time.Time
	}{
		"once per event":      {filter.OncePer{}, "01kdyabkw0s6yex28fx1302m8t", e.CreationTimestamp.Time},
		"once per window":     {filter.OncePer{Window: 10 * time.Minute}, "01kdyaxxt06txsscagdgrbt0wq", time.Date(2026, 1, 2, 3, 10, 0, 0, time.UTC)},
		"once per occurrence": {filter.OncePer{Occurrence: true}, "01kdyabkw349sgmepmmxzyqckc", e.CreationTimestamp.Add(3 * time.Millisecond)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := Of(project, e, tc.once)
			if got != tc.id {
				t.Errorf("ID %s, want %s", got, tc.id)
			}
			u, err := ulid.ParseStrict(got)
			if err != nil {
				t.Fatal(err)
			}
			if at := ulid.Time(u.Time()); !at.Equal(tc.time) {
				t.Errorf("time part %s, want %s", at.UTC(), tc.time)
			}
		})
	}
}

func TestWindowStart(t *testing.T) {
	tests := map[string]struct {
		at     time.Time
		window time.Duration
		start  time.Time
	}{
		"inside a window":        {time.Unix(599, 999), 10 * time.Minute, time.Unix(0, 0)},
		"on the edge":            {time.Unix(600, 0), 10 * time.Minute, time.Unix(600, 0)},
		"before the epoch":       {time.Unix(-1, 0), 10 * time.Minute, time.Unix(-600, 0)},
		"windows cut no hour":    {time.Unix(1000, 0), 7 * time.Minute, time.Unix(840, 0)},
		"a time with other zone": {time.Unix(1000, 0).In(time.FixedZone("x", 3600)), 10 * time.Minute, time.Unix(600, 0)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := windowStart(tc.at, tc.window); !got.Equal(tc.start) {
				t.Errorf("start %s, want %s", got.UTC(), tc.start.UTC())
			}
		})
	}
}

func TestAnEventWithoutTimesHasAnID(t *testing.T) {
	for _, once := range []filter.OncePer{{}, {Window: time.Hour}, {Occurrence: true}} {
		if _, err := ulid.ParseStrict(Of(project, &corev1.Event{}, once)); err != nil {
			t.Errorf("oncePer %q: %v", once, err)
		}
	}
}

func TestEachDestinationHasNamesOfItsOwn(t *testing.T) {
	e := backOff("u1", time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC), 1)
	for _, once := range []filter.OncePer{{}, {Window: time.Hour}, {Occurrence: true}, {Window: time.Hour, GroupBy: filter.Group(0).All(), Filter: "x"}} {
		ids := map[string]string{}
		for name, target := range map[string]Target{
			"the project": project, "knative": TargetOf("knative", ""), "tekton": TargetOf("tekton", ""), "a project": TargetOf("", "knative"),
		} {
			id := Of(target, e, once)
			if other, taken := ids[id]; taken {
				t.Errorf("oncePer %q: %s and %s have the ID %s", once, name, other, id)
			}
			ids[id] = name
		}
	}
	if got := Of(TargetOf("knative", ""), e, filter.OncePer{}); got != "01kdyabkw0h8ze3zymssvsnm44" {
		t.Errorf("ID %s: a release that computes others sends everything again that is in the Event history", got)
	}
}
