package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/gateway"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/ui"
)

func TestPageShowsWhatTheGatewayDoes(t *testing.T) {
	c, err := config.Parse("filters.yaml", []byte("project: deis/empty-testbed\nfilters:\n  - kind: Pod\n    action: accept\n"))
	if err != nil {
		t.Fatal(err)
	}
	options := gateway.Options{
		Config: c, Scopes: []position.Scope{"pequod"}, BuildNamespace: "brigade", Identity: "events-0_1",
		Position:     gateway.Object{Namespace: "brigade", Name: "events-position"},
		Connectivity: &gateway.Connectivity{}, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	}
	p := newPage(&daemonFlags{config: filterFile{path: "filters.yaml"}, uiListen: "127.0.0.1:0"}, options, "https://cluster")
	options.Observer = p
	p.show(gateway.New(options))
	e := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "pequod", Name: "web-0.1"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "pequod", Name: "web-0"},
		Reason:         "BackOff", Message: "Back-off restarting", Count: 3,
	}
	p.Settled(delivery.Build{ID: "01a", ProjectID: "brigade-1", By: "filters[0]", Event: e}, delivery.Created, "")
	p.Settled(delivery.Build{ID: "01b", ProjectID: "brigade-1", By: "filters[0]", Event: e}, delivery.Exists, "")
	p.Settled(delivery.Build{ID: "01d", Destination: "knative", By: "filters[1]", Event: e}, delivery.Sent, "")
	p.Settled(delivery.Build{ID: "01c", ProjectID: "brigade-1", By: "filters[0]", Event: e}, delivery.Refused, "the Secret is too large")
	p.Refuse(errors.New("filters.yaml:1:1: not a mapping"))

	want := ui.Status{
		Role: "starting", Replica: "events-0_1", Ready: "not watching Events yet", Stored: "brigade/events-position",
		Positions: []ui.Position{}, Flows: []ui.Flow{},
		File: ui.File{Name: "filters.yaml", Filters: 1, Report: "filters.yaml:1:1: not a mapping"},
		Builds: []ui.Build{{
			ID: "01d", Project: "knative", Event: "pequod/web-0.1", By: "filters[1]",
			Short: "BackOff: Pod pequod/web-0", Long: "Pod pequod/web-0: Back-off restarting (BackOff, 3 times)",
		}, {
			ID: "01a", Project: "brigade-1", Event: "pequod/web-0.1", By: "filters[0]",
			Short: "BackOff: Pod pequod/web-0", Long: "Pod pequod/web-0: Back-off restarting (BackOff, 3 times)",
			Command: "brig build logs 01a --namespace brigade",
		}},
		Lost: []ui.Lost{{Outcome: "refused", Reason: "the Secret is too large", ID: "01c", Event: "pequod/web-0.1"}},
	}
	got := p.status()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(time.Time{})); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if got.File.Loaded.IsZero() || got.File.Refused.IsZero() || got.Builds[0].At.IsZero() || got.Lost[0].At.IsZero() {
		t.Errorf("times are missing: %+v", got)
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
	p.use(c)
	if now := p.status().File; !now.Refused.IsZero() || now.Report != "" {
		t.Errorf("a good file leaves the report of the bad one: %+v", now)
	}
}
