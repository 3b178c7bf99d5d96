package config

import (
	"slices"
	"strings"
)

// kinds are the kinds of Kubernetes itself with the other names that kubectl
// takes for them: plural and short ones, as `kubectl api-resources` of 1.36
// prints them, in lower case.
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

// knownKind returns the kind of Kubernetes itself that is called so by kubectl,
// in any case, and reports false where there is none.
func knownKind(name string) (string, bool) {
	for kind, others := range kinds() {
		if strings.EqualFold(name, kind) || slices.Contains(others, strings.ToLower(name)) {
			return kind, true
		}
	}
	return "", false
}

// nearKind returns the kind of Kubernetes itself that is one slip of the
// keyboard away from a name, or "". Short kinds, and names that only lack or
// add the last letter, are left alone: they may be somebody's own.
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

// stateReasons are what kubectl get pods shows as STATUS and people look for as
// a reason, with the reasons of the Events that come with them.
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

// reasonsOfKubernetes are the reasons that kubelet, scheduler and controllers
// of Kubernetes give most often, from k8s.io/kubernetes/pkg/kubelet/events and
// the controllers' own sources.
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
