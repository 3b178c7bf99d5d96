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
		"fe80::1":                true,
		"fe80::1%eth0":           true,
		"febf::1":                true,
		"fd00:ec2::254":          true,
		"fd00:42::42":            true,
		"192.0.0.192":            true,
		"fd00:ec2::254%eth0":     true,
		"fd20:ce::254":           true,
		"fd00:c1::a9fe:a9fe":     true,
		"100.100.100.200":        true,
		"::ffff:100.100.100.200": true,
		"168.63.129.16":          true,
		"ff02::1":                true,
		"10.96.0.10":             false,
		"127.0.0.1":              false,
		"::1":                    false,
		"fd00:10:96::1":          false,
		"100.64.0.1":             false,
		"203.0.113.7":            false,
		"64:ff9b::a00:1":         false,
		"2001:db8::1":            false,
	}
	for text, want := range tests {
		if got := Blocked(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: blocked is %t, want %t", text, got, want)
		}
	}
}
