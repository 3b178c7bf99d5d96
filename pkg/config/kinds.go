package config

import (
	"slices"
	"strings"
)

// kinds are Kubernetes' own kinds, with the other names that kubectl accepts for
// them: plurals and short names, in lower case, from `kubectl api-resources` of
// 1.36.
func kinds() map[string][]string {
	return map[string][]string{
		"Pod":                            {"pods", "po"},
		"Node":                           {"nodes", "no"},
		"Namespace":                      {"namespaces", "ns"},
		"Service":                        {"services", "svc"},
		"Endpoints":                      {"ep"},
		"EndpointSlice":                  {"endpointslices"},
		"Event":                          {"events", "ev"},
		"ConfigMap":                      {"configmaps", "cm"},
		"Secret":                         {"secrets"},
		"ServiceAccount":                 {"serviceaccounts", "sa"},
		"PersistentVolume":               {"persistentvolumes", "pv"},
		"PersistentVolumeClaim":          {"persistentvolumeclaims", "pvc"},
		"ReplicationController":          {"replicationcontrollers", "rc"},
		"ResourceQuota":                  {"resourcequotas", "quota"},
		"LimitRange":                     {"limitranges", "limits"},
		"Deployment":                     {"deployments", "deploy"},
		"ReplicaSet":                     {"replicasets", "rs"},
		"StatefulSet":                    {"statefulsets", "sts"},
		"DaemonSet":                      {"daemonsets", "ds"},
		"Job":                            {"jobs"},
		"CronJob":                        {"cronjobs", "cj"},
		"HorizontalPodAutoscaler":        {"horizontalpodautoscalers", "hpa"},
		"PodDisruptionBudget":            {"poddisruptionbudgets", "pdb"},
		"Ingress":                        {"ingresses", "ing"},
		"IngressClass":                   {"ingressclasses"},
		"NetworkPolicy":                  {"networkpolicies", "netpol"},
		"StorageClass":                   {"storageclasses", "sc"},
		"VolumeAttachment":               {"volumeattachments"},
		"CSIDriver":                      {"csidrivers"},
		"CSINode":                        {"csinodes"},
		"Role":                           {"roles"},
		"RoleBinding":                    {"rolebindings"},
		"ClusterRole":                    {"clusterroles"},
		"ClusterRoleBinding":             {"clusterrolebindings"},
		"CustomResourceDefinition":       {"customresourcedefinitions", "crd", "crds"},
		"CertificateSigningRequest":      {"certificatesigningrequests", "csr"},
		"PriorityClass":                  {"priorityclasses", "pc"},
		"RuntimeClass":                   {"runtimeclasses"},
		"Lease":                          {"leases"},
		"ResourceClaim":                  {"resourceclaims"},
		"ValidatingWebhookConfiguration": {"validatingwebhookconfigurations"},
		"MutatingWebhookConfiguration":   {"mutatingwebhookconfigurations"},
	}
}

// knownKind returns Kubernetes' own kind that kubectl calls by a name, in upper or
// lower case, and false if there is none.
func knownKind(name string) (string, bool) {
	for kind, others := range kinds() {
		if strings.EqualFold(name, kind) || slices.Contains(others, strings.ToLower(name)) {
			return kind, true
		}
	}
	return "", false
}

// nearKind returns Kubernetes' own kind that is one typing error away from a name,
// or "". It ignores short kinds, and names that differ in the last letter only:
// they may be kinds of custom resources.
func nearKind(name string) string {
	if len(name) < 6 || strings.ContainsAny(name, "*?") {
		return ""
	}
	for kind := range kinds() {
		if edits(name, kind) == 1 && !strings.HasPrefix(kind, name) && !strings.HasPrefix(name, kind) {
			return kind
		}
	}
	return ""
}

// stateReasons are the values of STATUS in `kubectl get pods` that are mistaken for
// reasons, with the reasons of Events that come with them.
func stateReasons() map[string][]string {
	return map[string][]string{
		"CrashLoopBackOff":           {"BackOff"},
		"ImagePullBackOff":           {"BackOff"},
		"ErrImagePull":               {"Failed"},
		"CreateContainerConfigError": {"Failed"},
		"CreateContainerError":       {"Failed"},
		"RunContainerError":          {"Failed"},
		"InvalidImageName":           {"InspectFailed"},
		"OOMKilled":                  {"BackOff", "SystemOOM", "OOMKilling"},
		"Terminating":                {"Killing"},
		"Unschedulable":              {"FailedScheduling"},
		"NotReady":                   {"NodeNotReady"},
	}
}

// reasonsOfKubernetes are the commonest reasons of kubelet, scheduler and
// controllers, from k8s.io/kubernetes/pkg/kubelet/events and the sources of the
// controllers.
func reasonsOfKubernetes() []string {
	return []string{
		"BackOff", "Created", "Evicted", "Failed", "FailedCreate", "FailedKillPod", "FailedMount", "FailedAttachVolume",
		"FailedPreStopHook", "FailedPostStartHook", "FailedScheduling", "FailedSync", "InspectFailed", "Killing", "NodeHasDiskPressure",
		"NodeHasInsufficientMemory", "NodeNotReady", "NodeNotSchedulable", "NodeReady", "Preempted", "Preempting", "ProbeWarning",
		"Pulled", "Pulling", "Rebooted", "Scheduled", "Started", "Starting", "SuccessfulCreate", "SuccessfulDelete", "SystemOOM",
		"TaintManagerEviction", "Unhealthy", "BackoffLimitExceeded", "DeadlineExceeded", "ScalingReplicaSet", "SuccessfulRescale",
		"ProvisioningFailed", "FailedBinding", "SawCompletedJob",
	}
}
