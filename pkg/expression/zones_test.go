package expression

import (
	"fmt"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event/eventtest"
)

// Each function must say in a zone, which this package looks up, what it says
// at the zone's offset, which it leaves to cel-go.
func TestZonesByNameAndByOffsetAgree(t *testing.T) {
	for _, function := range []string{
		"getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek",
		"getHours", "getMinutes", "getSeconds", "getMilliseconds",
	} {
		for _, at := range []string{"2026-12-31T20:45:07.250Z", "2026-03-02T09:12:00Z"} {
			expression := fmt.Sprintf(`timestamp(%q).%s("Asia/Kolkata") == timestamp(%q).%s("+05:30")`, at, function, at, function)
			t.Run(expression, func(t *testing.T) {
				if got, err := mustCompile(t, expression).Holds(eventtest.BackOff()); err != nil || !got {
					t.Errorf("%t, %v", got, err)
				}
			})
		}
	}
}

func TestAZoneThatDoesNotExistIsAnError(t *testing.T) {
	// A constant is refused when the file is read.
	_, err := mustCompile(t, `occurred.getHours("Europe/" + event.metadata.namespace) == 9`).Holds(eventtest.BackOff())
	if err == nil || err.Error() != "unknown time zone Europe/pequod" {
		t.Errorf("error %v", err)
	}
}
