package faults

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// TestHistoryGoesBack restores etcd from a backup under a running gateway. A watch from
// before stays open without an error and sends nothing, because new changes have lower
// resourceVersions than those that it has sent.
func TestHistoryGoesBack(t *testing.T) {
	t.Parallel()
	plane := controlplane.StartForTest(t, controlplane.Options{})
	p := newPlaceOn(t, plane, "history-back")
	g := p.start(listening)
	g.Ready()
	kept := p.podEvents(p.watched, "kept", 5)
	p.awaitPosition(kept[4].ResourceVersion)
	backup, err := plane.BackUpEtcd(t.Context())
	p.must(err)
	gone := p.podEvents(p.watched, "gone", 500)
	p.awaitPosition(gone[499].ResourceVersion)
	p.must(plane.RestoreEtcd(t.Context(), backup))
	restored := time.Now()
	after := p.podEvents(p.watched, "after", 20)
	if last := after[19].ResourceVersion; inOrder(last, gone[499].ResourceVersion) >= 0 {
		t.Fatalf("the last Event has version %s and %s was there before: history has not gone back", last, gone[499].ResourceVersion)
	}
	// A list, because a watch of Secrets from before may send nothing as well.
	controlplane.Eventually(t, func(ctx context.Context) error { return p.allBuilt(ctx, append(kept, after...)) })
	noticed := g.Wait("that history has gone back", func(r daemon.Record) bool {
		return r.String("level") == "WARN" && strings.Contains(r.String("err"), "history went back")
	})
	t.Logf("built %s after the API server was back, having logged: %s: %s",
		time.Since(restored).Round(time.Second), noticed.Message(), noticed.String("err"))
	p.awaitPosition(after[19].ResourceVersion)
	g.Stop()
}

// allBuilt returns an error unless there is exactly one build for each of the
// given Events and no other.
func (p *place) allBuilt(ctx context.Context, events []*corev1.Event) error {
	list, err := p.client.CoreV1().Secrets(p.builds).List(ctx, metav1.ListOptions{LabelSelector: buildLabels})
	if err != nil {
		return err
	}
	missing := named(events...)
	for i := range list.Items {
		e, err := payload(&list.Items[i])
		if err != nil {
			return err
		}
		if _, due := missing[string(e.UID)]; !due {
			return fmt.Errorf("event %s is built twice, or should not be", e.Name)
		}
		delete(missing, string(e.UID))
	}
	if len(missing) > 0 {
		return fmt.Errorf("%d of %d events are not built", len(missing), len(events))
	}
	return nil
}
