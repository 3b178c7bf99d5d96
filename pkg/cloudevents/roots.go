package cloudevents

import (
	"crypto/x509"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// publicRoots returns the CAs that are trusted without a caFile: nil for those of the
// system, or those of Mozilla if the system has none, as in the gateway's own image.
// x509.SetFallbackRoots would do the same, but for the whole process, and parse the
// certificates at every start.
func publicRoots() *x509.CertPool {
	system, err := x509.SystemCertPool()
	if err == nil && !system.Equal(x509.NewCertPool()) {
		return nil
	}
	roots := x509.NewCertPool()
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			continue // a test parses all of them
		}
		if root.Constraint == nil {
			roots.AddCert(certificate)
		} else {
			roots.AddCertWithConstraint(certificate, root.Constraint)
		}
	}
	return roots
}
