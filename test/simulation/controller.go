package simulation

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// controller is a model of Brigade's controller and of the nodes of its workers: each
// build Secret gets a worker pod within seconds, which runs for a while and ends. Its
// methods are called with the server's lock held.
type controller struct {
	server    *Server
	namespace string
	// longest is the longest time a worker runs.
	longest time.Duration
}

// appearWithin is the longest time until a worker pod appears.
const appearWithin = 8 * time.Second

// build starts the worker of a build Secret.
func (b *controller) build(secret *corev1.Secret) {
	s, epoch := b.server, b.server.epoch
	n := s.chance(&process{name: "brigade"}, &request{verb: "build", resource: secrets, name: secret.Name})
	appears := time.Duration(n % uint64(appearWithin))
	runs := time.Second + time.Duration((n>>20)%uint64(b.longest+1))
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: b.namespace, Name: secret.Name,
		Labels: map[string]string{"heritage": "brigade", "component": "build", "build": secret.Labels["build"], "project": secret.Labels["project"]},
	}}
	b.later(epoch, appears, func() { b.phase(pod, corev1.PodPending) })
	b.later(epoch, appears+runs/4, func() { b.phase(pod, corev1.PodRunning) })
	b.later(epoch, appears+runs, func() { b.phase(pod, corev1.PodSucceeded) })
}

// later calls a function later, unless the history was restored meanwhile.
func (b *controller) later(epoch int, d time.Duration, do func()) {
	time.AfterFunc(d, func() {
		b.server.mu.Lock()
		defer b.server.mu.Unlock()
		if b.server.epoch == epoch {
			do()
		}
	})
}

// phase sets the next phase of the worker pod.
func (b *controller) phase(pod *corev1.Pod, phase corev1.PodPhase) {
	next := pod.DeepCopy()
	next.Status.Phase = phase
	next.CreationTimestamp = second(time.Now())
	b.server.history.put(keyOf(pods, next), next)
	b.server.record.worker(next)
	b.server.wake()
}

// restored handles a restored history: workers that ran at its time end, and build
// Secrets without a worker get one.
func (b *controller) restored() {
	h := b.server.history
	for _, o := range h.at(h.version, secrets, b.namespace) {
		secret, isSecret := o.(*corev1.Secret)
		pod, hasPod := h.live[key{pods, b.namespace, o.GetName()}].(*corev1.Pod)
		switch {
		case isSecret && !hasPod:
			b.build(secret)
		case hasPod && pod.Status.Phase != corev1.PodSucceeded:
			b.later(b.server.epoch, b.longest/2, func() { b.phase(pod, corev1.PodSucceeded) })
		}
	}
}
