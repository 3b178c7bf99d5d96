package cloudevents

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
)

func TestALinkLocalAddressIsNotDialed(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"http://169.254.169.254", "http://[::ffff:169.254.169.254]", "http://[fe80::1%25lo]", "http://[fd00:ec2::254]"} {
		_, err := newSink(t, options(t, address)).Write(t.Context(), backOff())
		if err == nil {
			t.Fatal("sent")
		}
		wantFailure(t, err, err.Error(), delivery.BlockedAddress, false, 0)
	}
	_, err := newSink(t, options(t, "http://169.254.169.254/latest?x=y")).Write(t.Context(), backOff())
	wantFailure(t, err, "sending to 169.254.169.254: dial tcp 169.254.169.254:80: link-local and metadata addresses are refused, "+
		"and the name resolves to 169.254.169.254: set allowLinkLocal if that is meant", delivery.BlockedAddress, false, 0)
}

func TestALinkLocalAddressCanBeAllowed(t *testing.T) {
	t.Parallel()
	o := options(t, "http://[fe80::1%25nowhere]")
	o.AllowLinkLocal = true
	_, err := newSink(t, o).Write(t.Context(), backOff())
	if err == nil {
		t.Fatal("sent")
	}
	wantFailure(t, err, err.Error(), delivery.Network, false, 0)
}

// Messages do not use a proxy from the environment, which would see tokens and hide the
// dialed address.
func TestNoProxyOfTheEnvironmentIsUsed(t *testing.T) {
	proxied := false
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied = true }))
	t.Cleanup(proxy.Close)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	o := options(t, "http://receiver.invalid")
	if _, err := newSink(t, o).Write(t.Context(), backOff()); err == nil || proxied {
		t.Errorf("error %v, through the proxy: %t", err, proxied)
	}
}
