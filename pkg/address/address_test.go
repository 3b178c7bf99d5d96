package address

import (
	"net/netip"
	"testing"
)

func TestBlockedAddresses(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"169.254.169.254":        true,
		"169.254.0.1":            true,
		"::ffff:169.254.169.254": true,
		"64:ff9b::a9fe:a9fe":     true,
		// Local-use NAT64: the IPv4 address is in the last 32 bits, or after 48, 56 or 64
		// bits of prefix, with bits 64 to 71 left out.
		"64:ff9b:1::a9fe:a9fe":            true,
		"64:ff9b:1:ffff::169.254.169.254": true,
		"64:ff9b:1:2:3:4:a9fe:a9fe":       true,
		"64:ff9b:1::100.100.100.200":      true,
		"64:ff9b:1::168.63.129.16":        true,
		"64:ff9b:1:a9fe:a9:fe00::":        true,
		"64:ff9b:1:a9fe:a9:fe00::1":       true,
		"64:ff9b:1:6464:64:c800::":        true,
		"64:ff9b:1:1a9:fe:a9fe::":         true,
		"64:ff9b:1:1:a9:fea9:fe00:0":      true,
		"64:ff9b:1::10.0.0.1":             false,
		"64:ff9b:1:a00:0:100::":           false,
		"64:ff9b:2::a9fe:a9fe":            false,
		"fe80::1":                         true,
		"fe80::1%eth0":                    true,
		"febf::1":                         true,
		"fd00:ec2::254":                   true,
		"fd00:42::42":                     true,
		"192.0.0.192":                     true,
		"fd00:ec2::254%eth0":              true,
		"fd20:ce::254":                    true,
		"fd00:c1::a9fe:a9fe":              true,
		"100.100.100.200":                 true,
		"::ffff:100.100.100.200":          true,
		"168.63.129.16":                   true,
		"ff02::1":                         true,
		"10.96.0.10":                      false,
		"127.0.0.1":                       false,
		"::1":                             false,
		"fd00:10:96::1":                   false,
		"100.64.0.1":                      false,
		"203.0.113.7":                     false,
		"64:ff9b::a00:1":                  false,
		"2001:db8::1":                     false,
	}
	for text, want := range tests {
		if got := Blocked(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: blocked is %t, want %t", text, got, want)
		}
	}
}
