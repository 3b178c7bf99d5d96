package decide

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// ByLoop is how a verdict names the loop guard as what decided.
const ByLoop = "guard"

// whyLoop says what the loop guard looks at, for people to read.
const whyLoop = "the Event is about one of Brigade's own objects or the gateway's own; filters come after"

// Component is who the gateway says it is where it reports Events of its own.
const Component = "brigade-k8s-gateway"

// workerPrefix begins the names of worker pods, of their Secrets and of the
// claims for build storage in Brigade 1.x (brigade-worker-<build ID>).
const workerPrefix = "brigade-worker-"

// ulidLength is the length of a build ID (github.com/ulid/spec).
const ulidLength = 26

// Loop reports whether e must never build, because it is an echo of a build or
// of the gateway: a build that is built from it would cause the next. It is
// true for Events about worker pods and build Secrets, for Events about pods
// and claims whose name ends in a build ID, as Brigade names the jobs and the
// storage of a build, and for Events that the gateway reported itself. The
// namespace does not matter.
func Loop(e *corev1.Event) bool {
	if e.Source.Component == Component || event.Component(e) == Component {
		return true
	}
	name := e.InvolvedObject.Name
	switch e.InvolvedObject.Kind {
	case "Pod", "PersistentVolumeClaim", "Secret":
		return strings.HasPrefix(name, workerPrefix) || endsInBuildID(name)
	}
	return false
}

// endsInBuildID reports whether name is "<something>-<build ID>".
func endsInBuildID(name string) bool {
	at := len(name) - ulidLength
	if at < 2 || name[at-1] != '-' || name[at] > '7' {
		return false
	}
	for i := at; i < len(name); i++ {
		if !crockford(name[i]) {
			return false
		}
	}
	return true
}

// crockford reports whether c is a lower-case digit of Crockford's base 32,
// which leaves out i, l, o and u.
func crockford(c byte) bool {
	switch {
	case c >= '0' && c <= '9':
		return true
	case c == 'i', c == 'l', c == 'o', c == 'u':
		return false
	default:
		return c >= 'a' && c <= 'z'
	}
}
