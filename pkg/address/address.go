// Package address recognizes addresses that no destination may have: those that
// only a node itself should reach.
package address

import (
	"net/netip"
	"slices"
)

// metadata are the addresses of cloud metadata services, which hand out the
// credentials of a node, outside of the link-local ranges.
func metadata() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("fd00:ec2::/32"),          // Amazon
		netip.MustParsePrefix("fd20:ce::254/128"),       // Google
		netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), // Oracle
		netip.MustParsePrefix("192.0.0.192/32"),         // Oracle Classic
		netip.MustParsePrefix("fd00:42::42/128"),        // Scaleway
		netip.MustParsePrefix("100.100.100.200/32"),     // Alibaba
		netip.MustParsePrefix("168.63.129.16/32"),       // Azure's WireServer
	}
}

// Blocked reports whether ip is a link-local address (169.254.0.0/16,
// fe80::/10) or that of a cloud's metadata service, in any of its notations.
func Blocked(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return blocked(ip) || slices.ContainsFunc(embedded(ip), blocked)
}

// embedded returns the IPv4 addresses that NAT64 may reach by an IPv6 address: of the
// well-known prefix the last four bytes (RFC 6052). An operator chooses the length of a prefix
// within that for local use (RFC 8215), so of that it returns one for each length: 48, 56 and
// 64, where the ninth byte is left out, and 96.
func embedded(ip netip.Addr) []netip.Addr {
	wellKnown, local := netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48")
	b := ip.As16()
	last := netip.AddrFrom4([4]byte(b[12:]))
	switch {
	case wellKnown.Contains(ip):
		return []netip.Addr{last}
	case local.Contains(ip):
		return []netip.Addr{
			last,
			netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]}),
			netip.AddrFrom4([4]byte{b[7], b[9], b[10], b[11]}),
			netip.AddrFrom4([4]byte(b[9:13])),
		}
	default:
		return nil
	}
}

func blocked(ip netip.Addr) bool {
	return ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() ||
		slices.ContainsFunc(metadata(), func(p netip.Prefix) bool { return p.Contains(ip) })
}
