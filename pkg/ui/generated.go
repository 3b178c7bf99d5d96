package ui

import "strings"

const (
	// randomLength is the length of the suffix of generated names
	// (k8s.io/apiserver/pkg/storage/names).
	randomLength = 5
	// minHash and maxHash are the lengths of the hash in a ReplicaSet's name
	// (k8s.io/apimachinery/pkg/util/rand.SafeEncodeString of a 32-bit number).
	minHash, maxHash = 6, 10
	// random is the alphabet of both (k8s.io/apimachinery/pkg/util/rand).
	random = "bcdfghjklmnpqrstvwxz2456789"
)

// ownerGlob returns a glob for the objects of the same owner if a name looks
// generated: "web-*" for a pod of a Deployment, "node-exporter-*" for one
// of a DaemonSet, "web-*" for one of a StatefulSet. Otherwise it is empty.
func ownerGlob(name string) string {
	owner, suffix, ok := cutLast(name)
	if !ok {
		return ""
	}
	if len(suffix) == randomLength && strings.Trim(suffix, random) == "" {
		if workload, hash, ok := cutLast(owner); ok && len(hash) >= minHash && len(hash) <= maxHash && strings.Trim(hash, random) == "" {
			return workload + "-*"
		}
		return owner + "-*"
	}
	if strings.Trim(suffix, "0123456789") == "" {
		return owner + "-*"
	}
	return ""
}

// cutLast cuts a name at its last dash.
func cutLast(name string) (before, after string, ok bool) {
	at := strings.LastIndexByte(name, '-')
	if at <= 0 || at == len(name)-1 {
		return "", "", false
	}
	return name[:at], name[at+1:], true
}
