package gateway

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
)

// The selectors of worker pods that are pending or running. A watch shows a pod
// that ends as deleted, so that metadata is enough to count them.
const (
	workerLabels  = "heritage=brigade,component=build"
	activeWorkers = "status.phase!=Succeeded,status.phase!=Failed"
)

// workerInformer returns an informer of the active worker pods that notifies the
// queue. Its cache has only the part of their metadata that is used.
func (g *Gateway) workerInformer(queue *delivery.Queue) (cache.SharedIndexInformer, error) {
	informer := metadatainformer.NewFilteredMetadataInformer(g.options.Metadata, corev1.SchemeGroupVersion.WithResource("pods"),
		g.options.BuildNamespace, 0, cache.Indexers{}, func(o *metav1.ListOptions) {
			o.LabelSelector, o.FieldSelector = workerLabels, activeWorkers
		}).Informer()
	err := informer.SetTransform(func(obj any) (any, error) {
		if pod, ok := obj.(*metav1.PartialObjectMetadata); ok {
			pod.ManagedFields, pod.Annotations, pod.OwnerReferences = nil, nil, nil
		}
		return obj, nil
	})
	if err != nil {
		return nil, fmt.Errorf("watching worker pods: %w", err)
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { notify(obj, queue.WorkerAppeared) },
		UpdateFunc: func(_, obj any) { notify(obj, queue.WorkerAppeared) },
		DeleteFunc: func(obj any) {
			if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = last.Obj
			}
			notify(obj, queue.WorkerEnded)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("watching worker pods: %w", err)
	}
	return informer, nil
}

// MissingRightError means that limits.activeBuilds needs a right that the account
// of the gateway does not have.
type MissingRightError struct {
	namespace string
	verb      string
}

func (e *MissingRightError) Error() string {
	return fmt.Sprintf("limits.activeBuilds needs the right to %s pods in namespace %s, to count the workers: "+
		"add to the account's Role there: apiGroups: [\"\"], resources: [pods], verbs: [list, watch]; or set limits.activeBuilds to 0",
		e.verb, e.namespace)
}

// mayCountWorkers returns a *MissingRightError if the account may not list or
// watch pods in the build namespace. Any other error is that of the request.
func (g *Gateway) mayCountWorkers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for _, verb := range []string{"list", "watch"} {
		review, err := g.options.Authorization.SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: g.options.BuildNamespace, Verb: verb, Resource: "pods"},
			},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("checking the right to %s pods in namespace %s: %w", verb, g.options.BuildNamespace, err)
		}
		if !review.Status.Allowed {
			return &MissingRightError{namespace: g.options.BuildNamespace, verb: verb}
		}
	}
	return nil
}

// notify calls f with the build ID of a worker pod's metadata.
func notify(obj any, f func(buildID string)) {
	if pod, ok := obj.(metav1.Object); ok {
		if id, ok := pod.GetLabels()["build"]; ok {
			f(id)
		}
	}
}
