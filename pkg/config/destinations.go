package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/address"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

const (
	// Brigade is the name of the destination of builds in metrics and logs. No
	// other destination may have it.
	Brigade = "brigade"
	// maxDestinations bounds the connections and the series of metrics.
	maxDestinations = 32
	// defaultTimeout is how long a receiver may take to answer if the file does not
	// set it. The others are the bounds of what a file may set.
	defaultTimeout = 10 * time.Second
	minTimeout     = 100 * time.Millisecond
	maxTimeout     = 30 * time.Second
)

// Destination is where accepted Events go besides Brigade.
type Destination struct {
	// Name is the name that filters use.
	Name        string
	CloudEvents CloudEvents
}

// CloudEvents has the settings of a receiver of CloudEvents. Two that are equal
// are the same receiver.
type CloudEvents struct {
	// URL is the checked URL of the receiver: http or https, without user and fragment.
	URL string
	// Structured puts the attributes into the body instead of headers.
	Structured bool
	// Timeout bounds one attempt.
	Timeout time.Duration
	// The files are read when they are needed; empty for none.
	CAFile, CertFile, KeyFile, TokenFile, HeadersFile string
	// AllowLinkLocal allows link-local addresses and those of metadata services.
	AllowLinkLocal bool
}

// destinations reads the `destinations` section.
func (r *reader) destinations(node *yaml.Node) []Destination {
	items, _ := r.sequence(node, "destinations", "destinations")
	if len(items) > maxDestinations {
		r.refuse(at(items[maxDestinations]), "destinations", "%d destinations; at most %d are allowed", len(items), maxDestinations)
		return nil
	}
	lines := map[string]int{}
	var all []Destination
	for i, item := range items {
		at := at(item)
		own := fmt.Sprintf("destinations[%d]", i)
		entries := r.mapping(item, own, "name", "cloudEvents")
		d := Destination{}
		if name, ok := entries["name"]; ok {
			at = position{name.value.Line, name.value.Column}
			d.Name = r.destinationName(name.value, own+".name", lines)
		} else if item.Kind == yaml.MappingNode || isNull(item) {
			r.refuse(at, own+".name", "missing; filters send to a destination by its name")
		}
		if settings, ok := entries["cloudEvents"]; ok {
			d.CloudEvents = r.cloudEvents(settings.value, own+".cloudEvents")
		} else if item.Kind == yaml.MappingNode || isNull(item) {
			r.refuse(at, own+".cloudEvents", "missing; write cloudEvents: {url: https://...}")
		}
		all = append(all, d)
	}
	return all
}

// destinationName reads a name, which is that of no destination in lines.
func (r *reader) destinationName(node *yaml.Node, key string, lines map[string]int) string {
	name, ok := r.text(node, key)
	if !ok {
		return ""
	}
	switch problems := validation.IsDNS1123Label(name); {
	case len(problems) > 0:
		r.refuse(at(node), key, "%q is not a name: %s", name, rule(problems))
	case name == Brigade:
		r.refuse(at(node), key, "%q is the destination of filters without one; choose another name", name)
	case lines[name] > 0:
		r.refuse(at(node), key, "%q is also the name of the destination on line %d; choose another", name, lines[name])
	default:
		lines[name] = node.Line
	}
	return name
}

// cloudEvents reads the settings of a receiver.
func (r *reader) cloudEvents(node *yaml.Node, key string) CloudEvents {
	c := CloudEvents{Timeout: defaultTimeout}
	files := []struct {
		key  string
		into *string
	}{
		{"caFile", &c.CAFile}, {"certFile", &c.CertFile}, {"keyFile", &c.KeyFile}, {"tokenFile", &c.TokenFile}, {"headersFile", &c.HeadersFile},
	}
	entries := r.mapping(node, key, "url", "mode", "timeout", "caFile", "certFile", "keyFile", "tokenFile", "headersFile", "allowLinkLocal")
	for _, f := range files {
		if e, ok := entries[f.key]; ok {
			*f.into = r.file(e.value, key+"."+f.key)
		}
	}
	if e, ok := entries["mode"]; ok {
		c.Structured = r.mode(e.value, key+".mode")
	}
	if e, ok := entries["timeout"]; ok {
		c.Timeout = r.timeout(e.value, key+".timeout")
	}
	if e, ok := entries["allowLinkLocal"]; ok {
		c.AllowLinkLocal = r.boolean(e.value, key+".allowLinkLocal")
	}
	switch e, ok := entries["url"]; {
	case ok:
		c.URL = r.url(e.value, key+".url", c)
	case node.Kind == yaml.MappingNode || isNull(node):
		r.refuse(at(node), key+".url", "missing; write the URL of the receiver, for example https://receiver.example.com")
	}
	if (c.CertFile == "") != (c.KeyFile == "") && node.Kind == yaml.MappingNode {
		r.refuse(at(node), key, "certFile and keyFile go together; add the other one")
	}
	return c
}

// mode reads how attributes are sent, and reports whether they are in the body.
func (r *reader) mode(node *yaml.Node, key string) bool {
	mode, ok := r.text(node, key)
	if ok && !slices.Contains([]string{"", "binary", "structured"}, mode) {
		r.refuse(at(node), key, "unknown mode %q%s; allowed are binary and structured", mode, didYouMean(mode, []string{"binary", "structured"}))
	}
	return mode == "structured"
}

// timeout reads how long a receiver may take to answer.
func (r *reader) timeout(node *yaml.Node, key string) time.Duration {
	if isNull(node) {
		return defaultTimeout
	}
	timeout, err := time.ParseDuration(node.Value)
	if node.Kind != yaml.ScalarNode || err != nil || timeout < minTimeout || timeout > maxTimeout {
		got := describe(node)
		if node.Kind == yaml.ScalarNode {
			got = fmt.Sprintf("%q", node.Value)
		}
		r.refuse(at(node), key, "expected a duration from %s to %s, got %s; write for example %s", minTimeout, maxTimeout, got, defaultTimeout)
		return defaultTimeout
	}
	return timeout
}

// file reads the key of a mounted file.
func (r *reader) file(node *yaml.Node, key string) string {
	name, ok := r.text(node, key)
	if ok && name != "" && (!strings.HasPrefix(name, "/") || strings.ContainsRune(name, 0)) {
		r.refuse(at(node), key, "not the absolute path of a file, such as /etc/destinations/knative/token")
	}
	return name
}

// url reads and checks the URL of a receiver.
func (r *reader) url(node *yaml.Node, key string, c CloudEvents) string {
	text, ok := r.text(node, key)
	if !ok {
		return ""
	}
	refuse := func(format string, args ...any) { r.refuse(at(node), key, format, args...) }
	target, err := url.Parse(text)
	if err != nil {
		refuse("not a URL; write for example https://receiver.example.com")
		return ""
	}
	secure := target.Scheme == "https"
	switch ip, err := netip.ParseAddr(target.Hostname()); {
	case !secure && target.Scheme != "http", target.Hostname() == "":
		refuse("not the URL of a receiver, which has http or https and a host; write for example https://receiver.example.com")
	case target.User != nil:
		refuse("user and password are not allowed in a URL, which logs and ConfigMaps show; put an Authorization header into a headersFile")
	case target.Fragment != "":
		refuse("the URL of a receiver has no fragment; remove # and what follows it")
	case err == nil && address.Blocked(ip) && !c.AllowLinkLocal:
		refuse("%s is a link-local or metadata address, which hands out a node's credentials; write allowLinkLocal: true if that is intended", ip)
	case !secure && (c.CAFile != "" || c.CertFile != ""):
		refuse("caFile and certFile have no effect on http; write https://")
	case !secure && (c.TokenFile != "" || c.HeadersFile != "") && !inCluster(target.Hostname()):
		r.warn(at(node), key, "the token or the headers are sent without encryption; write https://")
	}
	return text
}

// inCluster reports whether a host is a Service or the pod itself.
func inCluster(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || !strings.Contains(host, ".") || strings.HasSuffix(host, ".svc") || strings.HasSuffix(host, ".svc.cluster.local")
}

// resolveDestinations refuses destinations that the file does not have.
func (r *reader) resolveDestinations(filters []*filterNode, destinations []Destination) {
	names := make([]string, 0, len(destinations))
	for _, d := range destinations {
		if d.Name != "" && !slices.Contains(names, d.Name) {
			names = append(names, d.Name)
		}
	}
	for _, f := range filters {
		name := f.rule.Destination
		switch {
		case name == "" || f.broken["destination"] || slices.Contains(names, name):
		case name == Brigade:
			r.refuseKey(f, "destination", "%q is the default destination; remove it", name)
		case len(names) == 0:
			r.refuseKey(f, "destination", "%q is not in destinations, because the file has none", name)
		default:
			r.refuseKey(f, "destination", "%q is not in destinations%s; allowed are %s", name, didYouMean(name, names), strings.Join(names, ", "))
		}
	}
}

// warnAboutDestinations reports destinations that nothing is sent to, and limits
// that have no effect without Brigade.
func (r *reader) warnAboutDestinations(top map[string]entry, cfg *Config) {
	rules := cfg.Filters.Rules()
	for i, d := range cfg.Destinations {
		if !slices.ContainsFunc(rules, func(r filter.Rule) bool { return r.Destination == d.Name }) {
			node := resolve(top["destinations"].value.Content[i])
			r.warn(at(node), fmt.Sprintf("destinations[%d]", i), "no filter sends to %s; remove it, or write destination: %s in a filter", d.Name, d.Name)
		}
	}
	if cfg.Limits.ActiveBuilds > 0 && len(rules) > 0 && !cfg.UsesBrigade() {
		r.warn(at(top["limits"].value), "limits.activeBuilds", "has no effect: it counts Brigade's workers, and no filter accepts for Brigade")
		cfg.Limits.ActiveBuilds = 0
	}
}
