package expression

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event/eventtest"
)

// mustCompile compiles an expression without faults.
func mustCompile(t *testing.T, text string) *Expression {
	t.Helper()
	l, err := NewLanguage()
	if err != nil {
		t.Fatal(err)
	}
	x, faults := l.Compile(text)
	if len(faults) > 0 {
		t.Fatalf("%s: %+v", text, faults)
	}
	return x
}

// faultsOf returns what is wrong with an expression.
func faultsOf(t *testing.T, text string) []Fault {
	t.Helper()
	l, err := NewLanguage()
	if err != nil {
		t.Fatal(err)
	}
	_, faults := l.Compile(text)
	return faults
}

func TestExpressionsOnABackOff(t *testing.T) {
	for name, test := range map[string]struct {
		expression string
		want       bool
	}{
		"fields have the names of the JSON":                     {`event.involvedObject.kind == "Pod" && event.metadata.namespace == "pequod"`, true},
		"count is the count of the Event":                       {`count >= 5`, true},
		"occurred is the latest occurrence":                     {`occurred == timestamp("2026-03-02T09:12:00Z")`, true},
		"component is who reported it":                          {`component == "kubelet"`, true},
		"the Event's times are timestamps":                      {`occurred - event.firstTimestamp > duration("10m")`, true},
		"times are read in UTC":                                 {`event.firstTimestamp.getHours() == 9`, true},
		"times can be read in a zone":                           {`occurred.getHours("Europe/Berlin") == 10`, true},
		"days of the week count from Sunday":                    {`occurred.getDayOfWeek() == 1`, true},
		"a time that is not set is known to be so":              {`has(event.eventTime) || has(event.metadata.deletionTimestamp)`, false},
		"a time that is not set is long ago":                    {`event.eventTime < timestamp("1970-01-01T00:00:00Z")`, true},
		"a micro time is a timestamp":                           {`event.series.lastObservedTime < occurred`, true},
		"an object that is not set reads as empty":              {`event.related.kind == "" && !has(event.related)`, true},
		"a series that is not set counts nothing":               {`event.series.count == 0 && !has(event.series)`, true},
		"text can be searched with a regular expression":        {`event.message.matches("^Back-off .* container")`, true},
		"text can be taken apart":                               {`event.involvedObject.name.split("-")[0] == "web"`, true},
		"a part of text can be taken with a regular expression": {`regex.extract(event.message, "pod ([a-z0-9-]+)_").orValue("") == "web-0"`, true},
		"a label that may be missing has a default":             {`event.metadata.labels.?team.orValue("none") == "none"`, true},
		"lists can be searched":                                 {`event.reason in ["BackOff", "Failed"]`, true},
		"maps can be searched":                                  {`event.metadata.annotations.exists(key, key.startsWith("a"))`, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := mustCompile(t, test.expression).Holds(eventtest.BackOff())
			if err != nil || got != test.want {
				t.Errorf("%s: %t, %v", test.expression, got, err)
			}
		})
	}
}

func TestExpressionsOnASeries(t *testing.T) {
	e := &corev1.Event{
		EventTime:           metav1.NewMicroTime(eventtest.BackOff().FirstTimestamp.Time),
		Series:              &corev1.EventSeries{Count: 3, LastObservedTime: metav1.NewMicroTime(eventtest.BackOff().LastTimestamp.Time)},
		ReportingController: "eventful.io/writer",
	}
	x := mustCompile(t, `
		has(event.series) && count == 3 && component == "eventful.io/writer" && has(event.eventTime) &&
		event.series.lastObservedTime == occurred && occurred - event.eventTime == duration("12m")`)
	if got, err := x.Holds(e); err != nil || !got {
		t.Errorf("%t, %v", got, err)
	}
}

func TestCompileRefuses(t *testing.T) {
	const fieldsOfEvent = "event has action, count, eventTime, firstTimestamp, involvedObject, lastTimestamp, message, metadata, " +
		"reason, related, reportingComponent, reportingInstance, series, source, type"
	for name, test := range map[string]struct {
		expression string
		offset     int
		want       string
	}{
		"a field that the involved object does not have": {
			`event.involvedObject.knd == "Pod"`, 21,
			"undefined field 'knd'; event.involvedObject has apiVersion, fieldPath, kind, name, namespace, resourceVersion, uid",
		},
		"a field that the Event does not have": {`event.msg == ""`, 6, "undefined field 'msg'; " + fieldsOfEvent},
		"the Event's own kind, taken for the object's": {
			`event.kind == "Pod"`, 6,
			"undefined field 'kind'; write event.involvedObject.kind",
		},
		"managedFields, which the gateway drops": {
			`event.metadata.managedFields.size() > 0`, 15,
			"undefined field 'managedFields'; event.metadata has annotations, creationTimestamp, deletionGracePeriodSeconds, " +
				"deletionTimestamp, finalizers, generateName, generation, labels, name, namespace, ownerReferences, resourceVersion, selfLink, uid",
		},
		"a name that does not exist": {
			`object.reason == "Killing"`, 0,
			"undeclared reference to 'object'; write event.involvedObject",
		},
		"a comparison of text with a number":    {`event.type == 5`, 11, "string == int is not defined; text is in quotes; write \"5\""},
		"an expression that is not a condition": {`count + 1`, 0, "yields int; a filter's expression must yield bool"},
		"an expression that ends too early":     {`count >=`, 8, "syntax error: unexpected end of the expression"},
		"text that does not end":                {`event.reason == "Killing`, 16, "syntax error: unexpected '\"Killing'; the text that begins here has no closing quote"},
		"a position after other lines and wide characters": {
			"event.reason == \"größer\"\n  && x", 32,
			"undeclared reference to 'x'; an expression can refer to event, occurred, count and component, and to the functions in docs/filters.md",
		},
		"an invalid regular expression":            {`event.message.matches("(")`, 22, "not a regular expression of RE2: missing closing ): `(`"},
		"a pattern in the other form of matches":   {`matches(event.message, "a{2000}")`, 23, "not a regular expression of RE2: invalid repeat count: `{2000}`"},
		"an invalid pattern to extract":            {`regex.extract(event.message, "[").hasValue()`, 29, "not a regular expression of RE2: missing closing ]: `[`"},
		"an invalid pattern to extract many times": {`regex.extractAll(event.message, "[").size() > 0`, 32, "not a regular expression of RE2: missing closing ]: `[`"},
		"an invalid pattern to replace":            {`regex.replace(event.message, "*", "") == ""`, 29, "not a regular expression of RE2: missing argument to repetition operator: `*`"},
		"a zone that does not exist": {
			`occurred.getHours("Europe/Berln") == 9`, 18,
			`not a time zone: unknown time zone Europe/Berln; write a name such as "Europe/Berlin", or an offset such as "+02:00"`,
		},
		"the zone of the machine": {
			`occurred.getDayOfWeek("Local") == 0`, 22,
			`not a time zone: zone Local is that of the machine, and a filter must mean the same everywhere; ` +
				`write a name such as "Europe/Berlin", or an offset such as "+02:00"`,
		},
		"an invalid offset": {
			`occurred.getMinutes("+25:00") == 0`, 20,
			`not a time zone: timezone offset hours out of range [-23, 23]: +25:00; write a name such as "Europe/Berlin", or an offset such as "+02:00"`,
		},
		"an invalid duration": {`occurred - event.firstTimestamp > duration("1d")`, 43, `not a duration; write for example "30s", "10m" or "1h30m"`},
		"an invalid time":     {`occurred > timestamp("yesterday")`, 21, `not a time of RFC 3339; write for example "2026-03-02T09:00:00Z"`},
		"loops that would take too long": {
			`lists.range(1000).all(x, lists.range(1000).all(y, x != y))`, 0,
			"may cost 7016012, and at most 100000 is allowed; use fewer loops, or read less text",
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := []Fault{{Offset: test.offset, Message: test.want}}
			if diff := cmp.Diff(want, faultsOf(t, test.expression)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExpressionStopsAtTheCostLimit(t *testing.T) {
	e := eventtest.BackOff()
	e.Message = strings.Repeat("a ", 50_000)
	_, err := mustCompile(t, `event.message.split(" ").all(word, word.size() < 5)`).Holds(e)
	if want := "operation cancelled: actual cost limit exceeded"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
