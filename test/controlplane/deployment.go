package controlplane

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NewDeployment returns a Deployment whose pods have the label app=<name> and more
// labels. The simulated nodes run any image.
func NewDeployment(namespace, name string, replicas int32, more map[string]string) *appsv1.Deployment {
	selector := map[string]string{"app": name}
	labels := maps.Clone(selector)
	maps.Copy(labels, more)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: selector},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "any"}}},
			},
		},
	}
}
