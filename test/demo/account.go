package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// account has the expected builds and workers, and the real ones.
type account struct {
	accepted map[types.UID]string   // Events to build, by UID: what to call them
	rejected map[types.UID]string   // Events not to build
	builds   map[types.UID][]string // build IDs, by the Event in their payload
	workers  map[string]bool        // build IDs with a worker pod
}

// takeAccount reads the API server as the administrator, and decides itself which
// Events had to be built.
func (d *demo) takeAccount(ctx context.Context) (account, error) {
	events, err := d.client.CoreV1().Events("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return account{}, fmt.Errorf("listing Events: %w", err)
	}
	builds, err := d.client.CoreV1().Secrets(buildNamespace).List(ctx, metav1.ListOptions{FieldSelector: "type=brigade.sh/build"})
	if err != nil {
		return account{}, fmt.Errorf("listing builds: %w", err)
	}
	pods, err := d.client.CoreV1().Pods(buildNamespace).List(ctx, metav1.ListOptions{LabelSelector: workers})
	if err != nil {
		return account{}, fmt.Errorf("listing workers: %w", err)
	}
	return newAccount(events.Items, builds.Items, pods.Items)
}

func newAccount(events []corev1.Event, builds []corev1.Secret, workers []corev1.Pod) (account, error) {
	a := account{
		accepted: map[types.UID]string{},
		rejected: map[types.UID]string{},
		builds:   map[types.UID][]string{},
		workers:  map[string]bool{},
	}
	for i := range events {
		e := &events[i]
		name := fmt.Sprintf("%s:%s %s/%s", e.InvolvedObject.Kind, e.Reason, e.Namespace, e.Name)
		if toBuild(e) {
			a.accepted[e.UID] = name
		} else {
			a.rejected[e.UID] = name
		}
	}
	for i := range builds {
		var event corev1.Event
		if err := json.Unmarshal(builds[i].Data["payload"], &event); err != nil {
			return account{}, fmt.Errorf("reading the payload of build %s: %w", builds[i].Labels["build"], err)
		}
		a.builds[event.UID] = append(a.builds[event.UID], builds[i].Labels["build"])
	}
	for i := range workers {
		a.workers[workers[i].Labels["build"]] = true
	}
	return a, nil
}

// toBuild decides as examples/filters.yaml does, with other code, so that one checks the
// other.
func toBuild(e *corev1.Event) bool {
	return e.InvolvedObject.Kind == "Pod" && e.InvolvedObject.Namespace == "pequod" && e.Reason != "Killing"
}

// summary is the line for tools.
func (a *account) summary() string {
	builds := 0
	for _, ids := range a.builds {
		builds += len(ids)
	}
	return fmt.Sprintf("builds=%d workers=%d", builds, len(a.workers))
}

// fault returns what is missing, doubled or too much, or nil.
func (a *account) fault() error {
	var faults []string
	for uid, name := range a.accepted {
		ids := a.builds[uid]
		switch {
		case len(ids) == 0:
			faults = append(faults, "no build for "+name)
		case len(ids) > 1:
			faults = append(faults, fmt.Sprintf("%d builds for %s: %s", len(ids), name, strings.Join(ids, ", ")))
		}
	}
	for uid, ids := range a.builds {
		for _, id := range ids {
			if !a.workers[id] {
				faults = append(faults, "no worker for build "+id)
			}
			if _, ok := a.accepted[uid]; ok {
				continue
			}
			cause := "an Event that is not there"
			if name, ok := a.rejected[uid]; ok {
				cause = "a rejected Event, " + name
			}
			faults = append(faults, fmt.Sprintf("build %s is for %s", id, cause))
		}
	}
	if len(a.accepted) == 0 {
		faults = append(faults, "no Event to build has occurred")
	}
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults)
	return errors.New(strings.Join(faults, "\n  "))
}
