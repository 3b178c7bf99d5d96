package cloudevents

import (
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// withoutRoots is the environment variable of the process in which the system has no CAs.
// The standard library reads those of the system once.
const withoutRoots = "TEST_WITHOUT_ROOTS"

func TestPublicHostsAreTrustedInAnImageWithoutCAs(t *testing.T) {
	if os.Getenv(withoutRoots) == "" {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
		c.Env = append(os.Environ(), withoutRoots+"=1", "SSL_CERT_FILE="+os.DevNull, "SSL_CERT_DIR="+t.TempDir())
		if output, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
		return
	}
	transport, _, err := newCredentials(options(t, "https://receiver.invalid")).current()
	if err != nil {
		t.Fatal(err)
	}
	trusted := transport.(*http.Transport).TLSClientConfig.RootCAs
	known := 0
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		_, err = certificate.Verify(x509.VerifyOptions{Roots: trusted, CurrentTime: certificate.NotBefore})
		var unknown x509.UnknownAuthorityError
		switch {
		case errors.As(err, &unknown):
			t.Errorf("%s is not trusted", certificate.Subject)
		default:
			known++
		}
	}
	if known < 100 {
		t.Errorf("%d CAs are trusted, want all of Mozilla", known)
	}
}
