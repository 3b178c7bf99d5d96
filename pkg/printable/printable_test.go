package printable

import "testing"

func TestText(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"plain text stays":                      {"Back-off: a b", "Back-off: a b"},
		"other scripts and symbols stay":        {"Füße → 犬", "Füße → 犬"},
		"a line break is replaced":              {"a\nb\tc", "a\ufffdb\ufffdc"},
		"an escape sequence is replaced":        {"\x1b[31mred", "\ufffd[31mred"},
		"a change of direction is replaced":     {"a\u202eb", "a\ufffdb"},
		"a character without width is replaced": {"a\u200bb", "a\ufffdb"},
		"a byte that is not UTF-8 is replaced":  {"a\xffb", "a\ufffdb"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Text(test.text); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 Events", 1: "1 Event", 2: "2 Events"} {
		if got := Count(n, "Event"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
