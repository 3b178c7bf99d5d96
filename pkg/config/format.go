package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Format is the kind of a file that has filters in it.
type Format string

const (
	// FilterFile is a file for --config of the gateway.
	FilterFile Format = "filter file"
	// HelmValues is a file of values for the gateway's chart.
	HelmValues Format = "Helm values"
	// ConfigMap is a manifest of a ConfigMap with a filter file, alone or among
	// other manifests.
	ConfigMap Format = "ConfigMap"
)

func fileKeys() []string {
	return []string{"project", "commitRef", "destinations", "filters", "limits", "paused"}
}

// chartKeys are the keys of the chart's values that a filter file does not have.
func chartKeys() []string {
	return []string{
		"watch", "filterCheck", "ui", "leaderElection", "buildNamespace", "logEvents", "logFormat", "pushDown", "replicas", "registry", "name", "tag", "pullPolicy",
		"imagePullSecrets", "rbac", "serviceAccount", "fullnameOverride", "resources", "nodeSelector", "tolerations", "affinity",
		"priorityClassName", "podAnnotations", "podLabels", "extraArgs", "podDisruptionBudget", "networkPolicy", "resourceQuota",
		"metrics", "global", "logLevel", "logRejectedPerSecond", "replicaCount", "image", "nameOverride", "namespaceOverride", "commonLabels", "podSecurityContext",
		"securityContext", "topologySpreadConstraints", "deployment", "strategy", "revisionHistoryLimit",
		"terminationGracePeriodSeconds", "livenessProbe", "readinessProbe", "startupProbe", "dnsPolicy", "dnsConfig", "extraEnv",
		"extraEnvFrom", "extraVolumes", "extraVolumeMounts", "extraContainers", "initContainers", "extraObjects", "service",
		"admissionPolicy", "destinationSecrets", "clusterName", "positionConfigMap",
	}
}

// Read checks a file with filters in it: a filter file, values of the chart, or
// manifests of which one is a ConfigMap with a filter file. Commands use it; the
// daemon reads filter files only. Positions of faults are those in the file that was
// read.
func Read(file string, data []byte) (*Config, Format, error) {
	if len(data) > MaxManifest {
		return nil, FilterFile, tooLarge(file, MaxManifest, "a file with filters in it")
	}
	src := newSource(file, data)
	documents := src.documents()
	switch {
	case slices.ContainsFunc(documents, isManifest):
		inner, fault := src.configMap(documents)
		if fault != nil {
			return nil, ConfigMap, &Error{Faults: []Fault{*fault}}
		}
		cfg, err := inner.parse()
		return cfg, ConfigMap, err
	case len(documents) == 1 && isValues(documents[0]):
		r := &reader{source: src, values: true}
		cfg, err := r.parse(documents[0])
		return cfg, HelmValues, err
	}
	cfg, err := Parse(file, data)
	return cfg, FilterFile, err
}

// MaxManifest is the maximum size of a file with filters in it, in bytes. The output
// of `helm template` may have several ConfigMaps.
const MaxManifest = 8 << 20

// documents returns the roots of the YAML documents of a file, or none if it does
// not parse, which the parser of its format reports.
func (s *source) documents() []*yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(s.data))
	var roots []*yaml.Node
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return roots
		}
		if err != nil {
			return nil
		}
		if root := resolve(document.Content[0]); !isNull(root) {
			roots = append(roots, root)
		}
	}
}

// lookup returns the value of a key of a mapping, or nil.
func lookup(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if resolve(node.Content[i]).Value == key {
			return resolve(node.Content[i+1])
		}
	}
	return nil
}

// isManifest reports whether a document is an object of Kubernetes.
func isManifest(root *yaml.Node) bool {
	return lookup(root, "apiVersion") != nil && lookup(root, "kind") != nil
}

// isValues reports whether a document is Helm values: it has a key that only the
// chart has. The key "name" does not count, because it may be a misplaced key of a
// filter.
func isValues(root *yaml.Node) bool {
	return slices.ContainsFunc(chartKeys(), func(key string) bool { return key != "name" && lookup(root, key) != nil })
}

// configMap returns the one filter file in the ConfigMaps among documents. The chart
// renders it twice: for the gateway, and for the hook that checks it.
func (s *source) configMap(documents []*yaml.Node) (*source, *Fault) {
	var found []*yaml.Node
	var kinds []string
	var look func(root *yaml.Node)
	look = func(root *yaml.Node) {
		kind := lookup(root, "kind")
		if items := lookup(root, "items"); items != nil && items.Kind == yaml.SequenceNode {
			for _, item := range items.Content {
				look(resolve(item))
			}
			return
		}
		if kind == nil || kind.Value != "ConfigMap" {
			if kind != nil {
				kinds = append(kinds, kind.Value)
			}
			return
		}
		kinds = append(kinds, kind.Value)
		data := lookup(root, "data")
		if data == nil || data.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(data.Content); i += 2 {
			value := resolve(data.Content[i+1])
			if value.Kind != yaml.ScalarNode || !isFilterFile(data.Content[i].Value, value.Value) {
				continue
			}
			if len(found) == 0 || strings.TrimSpace(value.Value) != strings.TrimSpace(found[0].Value) {
				found = append(found, value)
			}
		}
	}
	for _, root := range documents {
		look(root)
	}
	switch len(found) {
	case 0:
		slices.Sort(kinds)
		fault := s.fault(at(documents[0]), "", "no ConfigMap with a filter file in its data, but %s; "+
			"a filter file has the key filters, and a name that ends in .yaml, .yml or .json", strings.Join(slices.Compact(kinds), ", "))
		return nil, &fault
	case 1:
		inner := newSource(s.file, []byte(found[0].Value))
		inner.around, inner.scalar = s, found[0]
		return inner, nil
	default:
		fault := s.fault(at(found[1]), "", "a second filter file, the first is on line %d; check one at a time", found[0].Line)
		return nil, &fault
	}
}

// isFilterFile reports whether an entry of a ConfigMap is a filter file: its name
// has the extension of one, and it has a filter file's keys or, if it does not
// parse, their words.
func isFilterFile(name, content string) bool {
	if !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name)) {
		return false
	}
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(content), &root); err != nil {
		return strings.Contains(content, "filters") || strings.Contains(content, "action")
	}
	if len(root.Content) == 0 {
		return strings.HasPrefix(name, "filters.")
	}
	top := resolve(root.Content[0])
	return slices.ContainsFunc(fileKeys(), func(key string) bool { return lookup(top, key) != nil })
}

// outward converts a position in the text of a scalar to one in the file that has
// the scalar.
func (s *source) outward(p position) position {
	around, node := s.around, s.scalar
	line := s.lines[p.line-1]
	if node.Style&yaml.LiteralStyle != 0 {
		first := node.Line + 1
		if outer := first + p.line - 1; outer <= len(around.lines) && strings.HasSuffix(around.lines[outer-1], line) {
			indent := len(around.lines[outer-1]) - len(line)
			return position{line: outer, column: p.column + indent}
		}
	}
	offset := 0
	for _, before := range s.lines[:p.line-1] {
		offset += len(before) + 1
	}
	column := 1
	for i := range line {
		if column == p.column {
			return around.inside(node, offset+i)
		}
		column++
	}
	return around.inside(node, offset+len(line))
}

// misplaced returns the fault of a file with filters that the daemon does not
// read.
func (s *source) misplaced(root *yaml.Node) *Fault {
	var what string
	switch {
	case isManifest(root):
		what = fmt.Sprintf("a manifest of kind %s", lookup(root, "kind").Value)
	case isValues(root):
		what = "a file of Helm values"
	default:
		return nil
	}
	fault := s.fault(at(root), "", "this is %s, and the gateway reads filter files; pass the content of the ConfigMap, "+
		"with the keys %s (k8s-gateway check reads all three)", what, list(fileKeys()))
	return &fault
}
