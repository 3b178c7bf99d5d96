package filter

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestGlobMatches(t *testing.T) {
	for name, test := range map[string]struct {
		glob, value string
		want        bool
	}{
		"a plain word matches itself":                       {"Pod", "Pod", true},
		"a plain word does not match a longer one":          {"Pod", "PodGroup", false},
		"case matters":                                      {"pod", "Pod", false},
		"a star matches anything":                           {"*", "Pod", true},
		"a star matches nothing at all":                     {"*", "", true},
		"a run of stars is one star":                        {"**", "", true},
		"a star at the end matches any end":                 {"web-*", "web-0", true},
		"a star at the end matches no end too":              {"web-*", "web-", true},
		"a star at the end leaves the start alone":          {"web-*", "my-web-0", false},
		"a star at the start matches any start":             {"*-0", "web-0", true},
		"stars around a word find it inside":                {"*eb*", "web-0", true},
		"stars around a word do not find what is not there": {"*eb*", "wob-0", false},
		"a star in the middle matches any middle":           {"a*c", "abbbc", true},
		"a star may match what the rest looks like":         {"a*bc", "abcbc", true},
		"a question mark matches one character":             {"web-?", "web-0", true},
		"a question mark does not match nothing":            {"web-?", "web-", false},
		"a question mark does not match two characters":     {"web-?", "web-10", false},
		"a question mark matches one character, not a byte": {"?", "é", true},
		"two question marks do not share a character":       {"*??", "€", false},
		"an end with a question mark is found":              {"*-1-??", "web-1-ab", true},
		"an end with a question mark is looked for":         {"*-1-??", "web-2-ab", false},
		"an end may have characters of several bytes":       {"*-1-??", "web-1-aé", true},
		"an end is not longer than the value":               {"*-1-??", "1-ab", false},
		"a dot is a dot":                                    {"a.c", "abc", false},
		"brackets are brackets":                             {"[a]", "a", false},
		"both wildcards together need one character":        {"?*", "", false},
		"the whole value must match, not a part":            {"a?c*e", "abcdef", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newGlob(test.glob).matches(test.value); got != test.want {
				t.Errorf("%q on %q: got %t", test.glob, test.value, got)
			}
		})
	}
}

func TestGlobCovers(t *testing.T) {
	for name, test := range map[string]struct {
		glob, other string
		want        bool
	}{
		"a star covers everything":                       {"*", "a?b*", true},
		"a word covers itself":                           {"Pod", "Pod", true},
		"a word does not cover a glob that matches more": {"Pod", "Pod*", false},
		"a prefix covers a longer prefix":                {"we*", "web-*", true},
		"a prefix does not cover a shorter one":          {"web-*", "we*", false},
		"a prefix covers a word":                         {"we*", "web-0", true},
		"an infix covers a suffix that contains it":      {"*eb*", "*web-0", true},
		"a question mark covers a letter":                {"web-?", "web-0", true},
		"a question mark covers a question mark":         {"web-?", "web-?", true},
		"a question mark does not cover a star":          {"web-?", "web-*", false},
		"a letter does not cover a question mark":        {"web-0", "web-?", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newGlob(test.glob).covers(newGlob(test.other)); got != test.want {
				t.Errorf("%q covers %q: got %t", test.glob, test.other, got)
			}
		})
	}
}

func TestGlobsDoNotAllocate(t *testing.T) {
	for _, text := range []string{"web", "web*", "*web", "*web*", "*-1-??", "*-1-*-??"} {
		g := newGlob(text)
		if n := testing.AllocsPerRun(10, func() { g.matches("web-1-aé") }); n != 0 {
			t.Errorf("%s allocates %v times", text, n)
		}
	}
}

// A glob that tries every split of the value would need 2^30 steps here.
func TestGlobWithManyStarsIsNotSlow(t *testing.T) {
	g := newGlob(strings.Repeat("a*", 30) + "b")
	if value := strings.Repeat("a", 1000); g.matches(value) {
		t.Errorf("%s matches %s", g, value)
	}
}

func FuzzGlob(f *testing.F) {
	for _, seed := range [][3]string{
		{"web-*", "web-0*", "web-01"}, {"*??", "?", "€"}, {"a*b*c", "a*bxc", "abbbc"}, {"", "", ""}, {"*a*", "*ab*", "xabx"}, {"\n*", "\n", "\n\n"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, one, other, value string) {
		if !utf8.ValidString(one) || !utf8.ValidString(other) || !utf8.ValidString(value) {
			t.Skip("the API server only stores valid UTF-8, and Compile only takes it")
		}
		a, b := newGlob(one), newGlob(other)
		if got, want := a.matches(value), globByTheBook(one, value); got != want {
			t.Errorf("%q on %q: got %t, a regular expression says %t", one, value, got, want)
		}
		if newGlob(a.String()) != a {
			t.Errorf("%q reads back as %+v, not %+v", a, newGlob(a.String()), a)
		}
		if a.covers(b) && b.matches(value) && !a.matches(value) {
			t.Errorf("%q covers %q, yet only the latter matches %q", one, other, value)
		}
	})
}
