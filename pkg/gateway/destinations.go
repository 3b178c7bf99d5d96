package gateway

import (
	"fmt"
	"net/url"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/cloudevents"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
)

// destinations has the sink of each destination. It is not safe for concurrent use.
type destinations struct {
	options   Options
	brigade   *brigade.Writer
	receivers map[string]receiver
}

// receiver is the sink of one receiver, and its settings.
type receiver struct {
	settings config.CloudEvents
	sink     *cloudevents.Sink
}

func newDestinations(o Options) *destinations {
	return &destinations{
		options: o, brigade: brigade.NewWriter(o.Core, o.BuildNamespace, o.DryRun), receivers: map[string]receiver{},
	}
}

// of returns the destinations of a filter file, with Brigade if it is used or there
// is no other. A receiver whose settings have not changed keeps its connections.
func (d *destinations) of(c *config.Config) []delivery.Destination {
	before := d.receivers
	d.receivers = map[string]receiver{}
	var all []delivery.Destination
	if len(c.Destinations) == 0 || c.UsesBrigade() {
		all = append(all, delivery.Destination{Name: delivery.Brigade, Sink: d.brigade})
	}
	for _, own := range c.Destinations {
		r, known := before[own.Name]
		if known && r.settings == own.CloudEvents {
			delete(before, own.Name)
		} else {
			r = receiver{own.CloudEvents, d.newSink(own.CloudEvents)}
		}
		d.receivers[own.Name] = r
		all = append(all, delivery.Destination{Name: own.Name, Sink: r.sink})
	}
	for _, r := range before {
		r.sink.Close()
	}
	return all
}

func (d *destinations) newSink(c config.CloudEvents) *cloudevents.Sink {
	target, err := url.Parse(c.URL)
	if err != nil {
		panic("gateway: a URL that config checked was refused: " + err.Error())
	}
	return cloudevents.New(cloudevents.Options{
		URL: target, Structured: c.Structured, Timeout: c.Timeout, AllowLinkLocal: c.AllowLinkLocal,
		CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile, TokenFile: c.TokenFile, HeadersFile: c.HeadersFile,
		Source: cloudevents.Source(d.options.Cluster, d.options.Name.Namespace, d.options.Name.Name), UserAgent: "brigade-k8s-gateway/" + d.options.Version,
		Connections: d.options.Workers, DryRun: d.options.DryRun, Transport: d.options.Receivers,
	})
}

// close closes idle connections.
func (d *destinations) close() {
	for _, r := range d.receivers {
		r.sink.Close()
	}
}

// failingReceivers returns a note for each receiver that does not accept messages.
func (g *Gateway) failingReceivers(now time.Time) []string {
	queue := g.queue.Load()
	if queue == nil {
		return nil
	}
	var notes []string
	for _, d := range queue.Status(now).Destinations {
		if d.Failing && d.Name != delivery.Brigade {
			notes = append(notes, fmt.Sprintf("destination %s does not accept messages, %d wait: see the log", d.Name, d.Waiting))
		}
	}
	return notes
}
