package event

import "testing"

func TestCompareVersions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		a, b string
		want int
	}{
		"an older one":                         {"9", "10", -1},
		"a newer one":                          {"100", "99", 1},
		"the same one":                         {"42", "42", 0},
		"beyond 64 bits":                       {"18446744073709551616", "18446744073709551617", -1},
		"an invalid version is older than any": {"x", "1", -1},
		"the empty string is older than any":   {"1", "", 1},
		"of two invalid ones neither is older": {"", "x", 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := CompareVersions(tc.a, tc.b); got != tc.want {
				t.Errorf("CompareVersions(%q, %q) = %d, want %d", tc.a, tc.b, got, tc.want)
			}
		})
	}
}

func TestIsVersion(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]bool{"1": true, "18446744073709551616": true, "": false, "0": false, "01": false, "-1": false, "1a": false} {
		if got := IsVersion(v); got != want {
			t.Errorf("IsVersion(%q) = %t, want %t", v, got, want)
		}
	}
}
