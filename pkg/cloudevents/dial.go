package cloudevents

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/address"
)

// errBlocked marks an address that no destination may have.
var errBlocked = errors.New("link-local and metadata addresses are refused")

// refuseBlocked is the Control of a net.Dialer. It checks the resolved address just before
// the connection, so that a name server cannot bypass it.
func refuseBlocked(_, dialed string, _ syscall.RawConn) error {
	ip, err := netip.ParseAddrPort(dialed)
	if err != nil {
		return fmt.Errorf("%w: %q is no address", errBlocked, dialed)
	}
	if address.Blocked(ip.Addr()) {
		return fmt.Errorf("%w, and the name resolves to %s: set allowLinkLocal if that is meant", errBlocked, ip.Addr())
	}
	return nil
}
