package gateway

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
)

// podReporter reports warnings as Events on the gateway's own pod. client-go's
// recorder aggregates them and allows 25 at once and then one in five minutes for a
// pod (k8s.io/client-go/tools/record, defaultSpamQPS).
type podReporter struct {
	recorder record.EventRecorder
	pod      *corev1.ObjectReference
}

func (r podReporter) Warn(reason, message string) {
	r.recorder.Event(r.pod, corev1.EventTypeWarning, reason, message)
}

// silent reports nothing. Outside a pod there is no object to report on, and all
// warnings are logged too.
type silent struct{}

func (silent) Warn(string, string) {}

// newReporter returns the reporter for o, and a function that stops it.
func newReporter(o Options) (delivery.Reporter, func()) {
	if o.Pod.Name == "" {
		return silent{}, func() {}
	}
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: o.Core.Events(o.Pod.Namespace)})
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: decide.Component})
	pod := &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: o.Pod.Namespace, Name: o.Pod.Name}
	return podReporter{recorder: recorder, pod: pod}, broadcaster.Shutdown
}
