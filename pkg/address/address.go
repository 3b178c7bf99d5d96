// Package address recognizes addresses that no destination may have: those that
// only a node itself should reach.
package address

import "net/netip"

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

// nat64 is the well-known prefix under which IPv6 reaches an IPv4 address
// (RFC 6052).
func nat64() netip.Prefix { return netip.MustParsePrefix("64:ff9b::/96") }

// Blocked reports whether ip is a link-local address (169.254.0.0/16,
// fe80::/10) or that of a cloud's metadata service, in any of its notations.
func Blocked(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if nat64().Contains(ip) {
		bytes := ip.As16()
		ip = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() {
		return true
	}
	for _, prefix := range metadata() {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}
