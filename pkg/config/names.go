package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Characters that DNS labels and DNS subdomains do not have, except for wildcards.
var (
	notInLabels = regexp.MustCompile(`[^-a-z0-9*?]`)
	notInNames  = regexp.MustCompile(`[^-a-z0-9.*?]`)
)

// namespace finds a value that is not a DNS label (RFC 1123), as the API server
// requires of a namespace.
func (v value) namespace() string {
	if namespace, name, ok := strings.Cut(v.text, "/"); ok {
		return fmt.Sprintf("%q is namespace and name in one; write namespace: %s and name: %s", v.text, yamlText(namespace), yamlText(name))
	}
	return v.lowerCase("a namespace", notInLabels, 63)
}

// lowerCase finds a value that breaks the rules of DNS names.
func (v value) lowerCase(what string, foreign *regexp.Regexp, longest int) string {
	lower := strings.ToLower(v.text)
	switch {
	case lower != v.text && !foreign.MatchString(lower):
		return fmt.Sprintf("%s is in lower case; %s", what, v.write(lower))
	case foreign.MatchString(v.text):
		return fmt.Sprintf("no Event is about %s with the character %q in its name; only lower-case letters, digits and - are allowed there",
			what, foreign.FindString(v.text))
	case strings.ContainsAny(v.text[:1], "-.") || strings.ContainsAny(v.text[len(v.text)-1:], "-."):
		return fmt.Sprintf("%s begins and ends with a letter or a digit; write a * where more is to follow: %s", what, yamlText(strings.Trim(v.text, "-.")+"-*"))
	case len(v.literal()) > longest:
		return fmt.Sprintf("%s has at most %d characters, this one has %d", what, longest, len(v.literal()))
	default:
		return ""
	}
}

// name finds a value that no object has as its name: a path segment for all, a DNS
// subdomain (RFC 1123) for the kinds that are known to require it.
func (v value) name() string {
	if first, rest, ok := strings.Cut(v.text, "/"); ok {
		if kind, ok := knownKind(first); ok {
			return fmt.Sprintf("%q is kind and name in one; write kind: %s and name: %s", v.text, kind, yamlText(rest))
		}
		return fmt.Sprintf("%q is namespace and name in one; write namespace: %s and name: %s", v.text, yamlText(first), yamlText(rest))
	}
	if _, known := knownKind(v.kind); known && !strings.Contains(v.kind, "Role") {
		return v.lowerCase("the name of a "+v.kind, notInNames, 253)
	}
	return ""
}

// kindOf finds a value that is not a kind: kinds have no group and no plural.
func (v value) kindOf() string {
	text := v.text
	if strings.ContainsAny(text, "/.") {
		parts := strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == '.' })
		kind := parts[len(parts)-1]
		for _, part := range parts {
			if begins(part, unicode.IsUpper) {
				kind = part
				break
			}
		}
		if known, ok := knownKind(kind); ok {
			kind = known
		} else if known, ok := knownKind(parts[0]); ok {
			kind = known
		}
		return fmt.Sprintf("%q names more than a kind; %s", text, v.write(kind))
	}
	kind, known := knownKind(text)
	switch {
	case known && kind == text:
		return ""
	case known:
		return fmt.Sprintf("no object has the kind %q; %s", text, v.write(kind))
	case strings.ContainsAny(text, " _:"):
		return fmt.Sprintf("no object has the kind %q; kinds are words such as Pod and CronJob", text)
	case begins(text, unicode.IsLower):
		return fmt.Sprintf("a kind begins with a capital letter, and case matters; %s", v.write(strings.ToUpper(text[:1])+text[1:]))
	}
	if near := nearKind(text); near != "" {
		return fmt.Sprintf("no object of Kubernetes itself has the kind %q (did you mean %s?)", text, near)
	}
	return ""
}

// begins reports whether is holds for the first character of a text.
func begins(text string, is func(rune) bool) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return is(r)
}

// reason finds states that kubectl shows and that are not reasons of Events.
func (v value) reason() string {
	if instead, ok := stateReasons()[v.text]; ok {
		return fmt.Sprintf("%s is a state that kubectl get pods shows, and not the reason of any Event; %s", v.text, v.write(instead...))
	}
	for _, known := range reasonsOfKubernetes() {
		if strings.EqualFold(known, v.text) && known != v.text {
			return fmt.Sprintf("case matters; %s", v.write(known))
		}
	}
	return ""
}

// component finds the names of processes that report Events under another name.
func (v value) component() string {
	lower := strings.ToLower(v.text)
	switch lower {
	case "kube-scheduler", "scheduler":
		return fmt.Sprintf("the scheduler reports Events as default-scheduler; %s", v.write("default-scheduler"))
	case "kube-controller-manager", "controller-manager":
		return `its controllers report Events under their own names; write for example job-controller, or "*-controller"`
	case "kubelet", "default-scheduler", "job-controller", "cronjob-controller", "deployment-controller",
		"replicaset-controller", "statefulset-controller", "daemonset-controller", "node-controller", "taint-eviction-controller",
		"horizontal-pod-autoscaler", "persistentvolume-controller", "attachdetach-controller", "endpoint-controller", "kube-proxy":
		if lower != v.text {
			return fmt.Sprintf("case matters; %s", v.write(lower))
		}
	}
	return ""
}
