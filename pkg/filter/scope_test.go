package filter

import "testing"

func TestParseScope(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want Scope
		err  string
	}{
		"objects without a namespace": {"Cluster", ClusterScope, ""},
		"objects with a namespace":    {"Namespaced", NamespacedScope, ""},
		"any":                         {"*", AnyScope, ""},
		"nothing is any":              {"", AnyScope, ""},
		"another case":                {"cluster", AnyScope, `unknown scope "cluster"; allowed are Cluster and Namespaced`},
		"a glob":                      {"Clust*", AnyScope, `unknown scope "Clust*"; allowed are Cluster and Namespaced`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseScope(test.text)
			if got != test.want {
				t.Errorf("got %q", got)
			}
			if (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
				t.Errorf("got %v", err)
			}
		})
	}
}
