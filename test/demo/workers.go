package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// workers selects the pods that Brigade's controller starts for builds.
const workers = "heritage=brigade,component=build"

// showWorkers shows each worker when it begins to run and when it has ended,
// until ctx ends.
func (d *demo) showWorkers(ctx context.Context) {
	factory := informers.NewSharedInformerFactoryWithOptions(d.client, 0,
		informers.WithNamespace(buildNamespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = workers }))
	pods := factory.Core().V1().Pods().Informer()
	show := func(pod *corev1.Pod) {
		if pod.Status.Phase != corev1.PodPending {
			d.screen.worker(pod.Labels["build"], string(pod.Status.Phase))
		}
	}
	_, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) {
			if pod, ok := obj.(*corev1.Pod); ok {
				show(pod)
			}
		},
		UpdateFunc: func(from, to any) {
			before, _ := from.(*corev1.Pod)
			after, _ := to.(*corev1.Pod)
			if before != nil && after != nil && before.Status.Phase != after.Status.Phase {
				show(after)
			}
		},
	})
	if err != nil {
		d.screen.printf("workers cannot be shown: %v", err)
		return
	}
	factory.StartWithContext(ctx)
}
