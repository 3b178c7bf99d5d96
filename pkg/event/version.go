package event

import "k8s.io/apimachinery/pkg/util/resourceversion"

// CompareVersions orders two resourceVersions as KEP-5504 does: negative where
// a is older than b, 0 where they are equal, positive where a is newer. What is
// no resourceVersion, the empty string for one, is older than any.
func CompareVersions(a, b string) int {
	c, err := resourceversion.CompareResourceVersion(a, b)
	if err == nil {
		return c
	}
	switch aOK, bOK := IsVersion(a), IsVersion(b); {
	case aOK && !bOK:
		return 1
	case bOK && !aOK:
		return -1
	}
	return 0
}

// IsVersion reports whether v is a resourceVersion that can be compared.
func IsVersion(v string) bool {
	_, err := resourceversion.CompareResourceVersion(v, "1")
	return err == nil
}
