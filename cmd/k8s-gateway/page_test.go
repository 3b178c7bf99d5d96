package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
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
	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
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
			ID: "01d", Destination: "knative", Event: "pequod/web-0.1", By: "filters[1]",
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

func TestPageShowsWhatWaitsAndWhy(t *testing.T) {
	second := func(n int) time.Time { return time.Date(2026, 3, 1, 12, 0, n, 0, time.UTC) }
	p := &page{options: gateway.Options{Identity: "events-0_1", Connectivity: &gateway.Connectivity{}}}
	for name, tc := range map[string]struct {
		status gateway.Status
		want   ui.Status
	}{
		"a leader whose builds wait for the pace": {
			gateway.Status{
				Leading: true, Leader: "events-0_1", Positions: position.Positions{"pequod": "120", "ahab": "100"}, HeldSince: second(1),
				Queue: delivery.Status{
					Waiting: 3, Oldest: second(0), Limit: "buildsPerMinute", Since: second(2), Until: second(9),
					Flows: []delivery.FlowLength{
						{Flow: limit.Flow{Project: "brigade-1", Namespace: "pequod"}, Length: 2}, {Flow: limit.Flow{Project: "brigade-1", Namespace: "ahab"}, Length: 1},
					},
					Destinations: []delivery.DestinationStatus{{Name: "brigade", Waiting: 3}},
				},
			},
			ui.Status{
				Role: "leading", Leader: "events-0_1", Waiting: 3, Oldest: second(0), HeldSince: second(1),
				Positions: []ui.Position{{Scope: "namespace ahab", Version: "100"}, {Scope: "namespace pequod", Version: "120"}},
				Flows:     []ui.Flow{{Namespace: "pequod", Project: "brigade-1", Waiting: 2}, {Namespace: "ahab", Project: "brigade-1", Waiting: 1}},
				Held:      &ui.Held{Limit: "buildsPerMinute", Since: second(2), Until: second(9)},
			},
		},
		"a leader with a destination that is down": {
			gateway.Status{
				Leading: true,
				Queue: delivery.Status{
					Waiting: 1, Oldest: second(0), Failing: true,
					Destinations: []delivery.DestinationStatus{{Name: "brigade"}, {Name: "knative", Waiting: 1, Oldest: second(0), Limit: "paused", Failing: true}},
				},
			},
			ui.Status{
				Role: "leading", Waiting: 1, Oldest: second(0), Failing: true, Positions: []ui.Position{}, Flows: []ui.Flow{},
				Destinations: []ui.Destination{{Name: "brigade"}, {Name: "knative", Waiting: 1, Oldest: second(0), Limit: "paused", Failing: true}},
			},
		},
		"a replica that stands by":          {gateway.Status{Leader: "events-1_7"}, ui.Status{Role: "standing by", Leader: "events-1_7", Positions: []ui.Position{}, Flows: []ui.Flow{}}},
		"a replica that knows of no leader": {gateway.Status{}, ui.Status{Role: "starting", Positions: []ui.Position{}, Flows: []ui.Flow{}}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.want.Replica, tc.want.Builds, tc.want.Lost = "events-0_1", []ui.Build{}, []ui.Lost{}
			if diff := cmp.Diff(tc.want, p.statusOf(tc.status)); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

// A page that other machines can reach is logged as a warning.
func TestPageWarnsWhereOthersReachIt(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1:0": false, "[::1]:0": false, "localhost:0": false, "0.0.0.0:0": true, ":0": true} {
		t.Run(address, func(t *testing.T) {
			var output bytes.Buffer
			p := &page{
				address: address, log: newLogger(logText, &output), ui: ui.New(ui.Options{Address: address, Log: slog.New(slog.DiscardHandler)}),
			}
			ctx, stop := context.WithCancel(t.Context())
			stop()
			if err := p.run(ctx); err != nil {
				t.Skip(err) // a machine without IPv6
			}
			const warning = "the page can be reached from other machines: anyone who reaches it sees every Event"
			if got := strings.Contains(output.String(), "WARN") && strings.Contains(output.String(), warning); got != want {
				t.Errorf("warned is %v, want %v:\n%s", got, want, output.String())
			}
		})
	}
}
