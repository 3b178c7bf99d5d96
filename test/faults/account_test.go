package faults

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestTokenExpires invalidates the gateway's token, cuts its watch, and then writes a
// new token into the file. A kubelet writes it before, so this order is worse. It is
// the slowest test: client-go reads the file once a minute
// (k8s.io/client-go/transport, NewCachedFileTokenSource), and its watch has backed off
// by then.
func TestTokenExpires(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "token")
	network := newProxy(p)
	g := p.begin()
	accounts := p.client.CoreV1().ServiceAccounts(p.builds)
	for range rounds(1) {
		p.someMore()
		// The tokens of a ServiceAccount become invalid with it, and a new one with
		// the same name has the same rights.
		p.must(accounts.Delete(t.Context(), p.account, metav1.DeleteOptions{}))
		_, err := accounts.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: p.account}}, metav1.CreateOptions{})
		p.must(err)
		g.Wait("that its token is refused", retries("unauthorized"))
		network.cut()
		p.someMore()
		p.must(p.plane.RotateToken(t.Context(), p.builds, p.account, 12*time.Hour))
	}
	p.finish("", g)
}
