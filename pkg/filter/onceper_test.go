package filter

import (
	"testing"
	"time"
)

func TestOncePerReadsBackWhatItPrints(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want OncePer
		back string
	}{
		"nothing is once per Event object":    {"", OncePer{}, ""},
		"every occurrence":                    {"occurrence", OncePer{Occurrence: true}, "occurrence"},
		"minutes lose their zero seconds":     {"10m", OncePer{Window: 10 * time.Minute}, "10m"},
		"hours lose their zero minutes":       {"1h", OncePer{Window: time.Hour}, "1h"},
		"hours keep minutes that count":       {"1h30m", OncePer{Window: 90 * time.Minute}, "1h30m"},
		"hours keep seconds that count":       {"1h0m10s", OncePer{Window: time.Hour + 10*time.Second}, "1h0m10s"},
		"the shortest":                        {"1s", OncePer{Window: time.Second}, "1s"},
		"the longest":                         {"8760h", OncePer{Window: 365 * 24 * time.Hour}, "8760h"},
		"sixty seconds are printed as 1m":     {"60s", OncePer{Window: time.Minute}, "1m"},
		"a fraction that makes whole seconds": {"1.5m", OncePer{Window: 90 * time.Second}, "1m30s"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseOncePer(test.text)
			if err != nil || got != test.want || got.String() != test.back {
				t.Errorf("got %+v (%s), %v", got, got, err)
			}
			if again, err := ParseOncePer(got.String()); err != nil || again != got {
				t.Errorf("%s reads back as %+v, %v", got, again, err)
			}
		})
	}
}

func TestParseOncePerRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a number without a unit": {"10", `"10" is neither a duration nor occurrence; write for example 30s, 10m, 1h30m or occurrence`},
		"days, which Go lacks":    {"1d", `"1d" is neither a duration nor occurrence; write for example 30s, 10m, 1h30m or occurrence`},
		"zero":                    {"0s", `0s is out of range; allowed is 1s to 8760h`},
		"a negative duration":     {"-10m", `-10m0s is out of range; allowed is 1s to 8760h`},
		"less than a second":      {"10ms", `10ms is out of range; allowed is 1s to 8760h`},
		"more than a year":        {"9000h", `9000h0m0s is out of range; allowed is 1s to 8760h`},
		"a broken second":         {"1.5s", `1.5s is not a whole number of seconds; Events carry no finer time`},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseOncePer(test.text); err == nil || err.Error() != test.want || got != (OncePer{}) {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}
