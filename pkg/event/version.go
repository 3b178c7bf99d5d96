package event

import "k8s.io/apimachinery/pkg/util/resourceversion"

// CompareVersions compares two resourceVersions as KEP-5504 defines it. It
// returns a negative number if a is older than b, 0 if they are equal, and a
// positive number if a is newer. The empty string, and any other text that is
// not a resourceVersion, is older than all.
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
