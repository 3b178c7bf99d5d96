package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/gateway"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/ui"
)

// page shows what the daemon is doing. It is called instead of the gateway when the
// filter file changes, and calls the gateway, so that it knows which list is in use.
type page struct {
	ui       *ui.UI
	outcomes ui.Outcomes
	options  gateway.Options
	address  string
	log      *slog.Logger
	gateway  *gateway.Gateway

	mu   sync.Mutex
	file ui.File
}

// newPage returns the page of a gateway with the given options. server is the
// address of its API server.
func newPage(f *daemonFlags, o gateway.Options, server string) *page {
	p := &page{options: o, address: f.uiListen, log: o.Log}
	p.file.Name = f.config.path
	p.ui = ui.New(ui.Options{
		Where: server + ", " + strings.Join(namesOf(o.Scopes), ", "), Version: version,
		AllowBrigadeEvents: f.allowBrigadeEvents, Status: p.status, Address: f.uiListen, Log: o.Log,
	})
	p.use(o.Config)
	return p
}

func (p *page) show(g *gateway.Gateway) { p.gateway = g }

// run serves the page until ctx ends.
func (p *page) run(ctx context.Context) error {
	listener, loopback, err := ui.Listen(ctx, p.address)
	if err != nil {
		return err
	}
	p.log.Info("serving the page", "address", listener.Addr().String())
	if !loopback {
		warnOfPage(p.log, p.address)
	}
	return p.ui.Run(ctx, listener)
}

// warnOfPage warns that other machines can reach the page.
func warnOfPage(log *slog.Logger, address string) {
	log.Warn("the page can be reached from other machines: anyone who reaches it sees every Event", "address", address)
}

func (p *page) Seen(e *corev1.Event, v filter.Verdict) { p.ui.Seen(e, v) }

// Settled shows the outcome of a build.
func (p *page) Settled(b delivery.Build, o delivery.Outcome, why string) {
	switch o {
	case delivery.Created, delivery.Sent, delivery.DryRun:
		short, long := brigade.Titles(b)
		own := ui.Build{
			ID: b.ID, Project: b.ProjectID, Destination: b.Destination, At: time.Now(), Event: event.Key(b.Event), By: b.By, Short: short, Long: long,
		}
		if b.Destination == "" {
			own.Command = fmt.Sprintf("brig build logs %s --namespace %s", b.ID, p.options.BuildNamespace)
		}
		p.outcomes.Created(own)
	case delivery.Refused, delivery.Dropped:
		p.outcomes.Lose(ui.Lost{Outcome: string(o), Reason: why, ID: b.ID, At: time.Now(), Event: event.Key(b.Event)})
	case delivery.Exists: // it was shown when it was created
	}
}

// Apply applies a filter file and shows it.
func (p *page) Apply(ctx context.Context, c *config.Config) error {
	if err := p.gateway.Apply(ctx, c); err != nil {
		return err
	}
	p.use(c)
	return nil
}

// Refuse notes that a filter file was refused, and shows why.
func (p *page) Refuse(err error) {
	p.gateway.Refuse(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.file.Refused, p.file.Report = time.Now(), err.Error()
}

// use shows the list that decides.
func (p *page) use(c *config.Config) {
	list := ui.List{Text: firstList}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file.Name != "" {
		list = ui.List{Name: p.file.Name, Text: c.Text, Config: c}
	}
	p.file = ui.File{Name: p.file.Name, Filters: c.Filters.Len(), Loaded: time.Now()}
	p.ui.SetList(list)
}

// status returns what the daemon is doing.
func (p *page) status() ui.Status {
	out := p.statusOf(p.gateway.Status())
	notes, err := p.gateway.Ready()
	out.Notes = notes
	if err != nil {
		out.Ready = err.Error()
	}
	return out
}

// statusOf returns what a gateway with a status is doing.
func (p *page) statusOf(s gateway.Status) ui.Status {
	out := ui.Status{
		Role: "starting", Replica: p.options.Identity, Leader: s.Leader, DryRun: p.options.DryRun,
		HeldSince: s.HeldSince, Waiting: s.Queue.Waiting, Oldest: s.Queue.Oldest, Failing: s.Queue.Failing,
		Positions: []ui.Position{}, Flows: []ui.Flow{},
	}
	switch {
	case s.Leading:
		out.Role = "leading"
	case s.Leader != "":
		out.Role = "standing by"
	}
	if o := p.options.Position; o.Name != "" && !p.options.DryRun {
		out.Stored = o.Namespace + "/" + o.Name
	}
	for _, scope := range slices.Sorted(maps.Keys(s.Positions)) {
		out.Positions = append(out.Positions, ui.Position{Scope: scope.String(), Version: s.Positions[scope]})
	}
	for _, f := range s.Queue.Flows {
		out.Flows = append(out.Flows, ui.Flow{Namespace: f.Flow.Namespace, Project: f.Flow.Project, Waiting: f.Length})
	}
	if s.Queue.Limit != "" {
		out.Held = &ui.Held{Limit: s.Queue.Limit, Since: s.Queue.Since, Until: s.Queue.Until}
	}
	if slices.ContainsFunc(s.Queue.Destinations, func(d delivery.DestinationStatus) bool { return d.Name != delivery.Brigade }) {
		for _, d := range s.Queue.Destinations {
			out.Destinations = append(out.Destinations, ui.Destination{Name: d.Name, Waiting: d.Waiting, Oldest: d.Oldest, Limit: d.Limit, Failing: d.Failing})
		}
	}
	out.Builds, out.Lost = p.outcomes.Latest()
	p.mu.Lock()
	defer p.mu.Unlock()
	out.File = p.file
	return out
}

// namesOf returns what scopes are called.
func namesOf(scopes []position.Scope) []string {
	names := make([]string, len(scopes))
	for i, scope := range scopes {
		names[i] = scope.String()
	}
	return names
}
