package decide

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// ByLoop is the name of the loop guard in verdicts.
const ByLoop = "guard"

// whyLoop is the reason that Trace gives.
const whyLoop = "the Event is about one of Brigade's own objects or the gateway's own; filters come after"

// Component is the reporting component of the gateway's own Events.
const Component = "brigade-k8s-gateway"

// workerPrefix is the prefix of the Brigade 1.5 objects that are named
// brigade-worker-<build ID>.
const workerPrefix = "brigade-worker-"

// ulidLength is the length of a build ID (github.com/ulid/spec).
const ulidLength = 26

// Loop reports whether a build or the gateway itself caused e, so that a build
// of it would cause the next: the gateway reported e, or the involved or related
// object is named after a build. The namespace does not matter.
//
// Brigade 1.5 names these objects after a build:
//
//	brigade-worker-<build ID>   the build Secret (CreateBuild in pkg/storage/kube/build.go), the worker's Pod
//	                            (NewWorkerPod in brigade-controller/cmd/brigade-controller/controller/handler.go),
//	                            the claim of the build's storage (BuildStorage in brigade-worker/src/k8s.ts)
//	<job>-<build ID>            a job's Pod and Secret (JobRunner.init in brigade-worker/src/k8s.ts)
//
// Kubernetes and operators derive more names from these: the claim of a Pod's
// ephemeral volume is <pod>-<volume>, and a network plug-in's endpoint has the
// name of its Pod.
//
// Objects with other names are not recognized: the PersistentVolume of a claim
// (pvc-<UID>), the claim of a job's cache, which is named after project and job
// (cacheName, same file), and all that a pipeline itself creates or changes.
func Loop(e *corev1.Event) bool {
	return e.Source.Component == Component || event.Component(e) == Component ||
		ofBuild(&e.InvolvedObject) || e.Related != nil && ofBuild(e.Related)
}

// ofBuild reports whether an object is named after a build.
func ofBuild(o *corev1.ObjectReference) bool {
	worker, isWorker := strings.CutPrefix(o.Name, workerPrefix)
	if isWorker && beginsWithBuildID(worker) {
		return true
	}
	switch o.Kind {
	case "Pod", "PersistentVolumeClaim", "Secret":
		return isWorker || holdsBuildID(o.Name)
	}
	return false
}

// holdsBuildID reports whether name is "<something>-<build ID>", or that and
// "-<something>".
func holdsBuildID(name string) bool {
	for at := 1; at < len(name)-ulidLength; at++ {
		if name[at] == '-' && beginsWithBuildID(name[at+1:]) {
			return true
		}
	}
	return false
}

// beginsWithBuildID reports whether name is a build ID, or begins with one and
// a hyphen.
func beginsWithBuildID(name string) bool {
	if len(name) < ulidLength || name[0] > '7' || len(name) > ulidLength && name[ulidLength] != '-' {
		return false
	}
	for i := range ulidLength {
		if !crockford(name[i]) {
			return false
		}
	}
	return true
}

// crockford reports whether c is a lower-case digit of Crockford's base 32,
// which does not have i, l, o and u.
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
