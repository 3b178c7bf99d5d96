package ui

import (
	"fmt"
	"strings"
	"testing"
)

func TestOutcomesKeepTheLatest(t *testing.T) {
	var o Outcomes
	for i := range 60 {
		o.Created(Build{ID: fmt.Sprint(i), Long: strings.Repeat("ä", 1000)})
		o.Lose(Lost{ID: fmt.Sprint(i), Reason: strings.Repeat("x", 5000)})
	}
	builds, lost := o.Latest()
	if len(builds) != 50 || builds[0].ID != "59" || builds[49].ID != "10" || len(builds[0].Long) != 1200 {
		t.Errorf("%d builds from %s to %s", len(builds), builds[0].ID, builds[len(builds)-1].ID)
	}
	if len(lost) != 50 || lost[0].ID != "59" || lost[49].ID != "10" || len(lost[0].Reason) != 2000 {
		t.Errorf("%d lost from %s to %s", len(lost), lost[0].ID, lost[len(lost)-1].ID)
	}
}

func TestStreamSendsTheStatusWhereItChanged(t *testing.T) {
	u := newTestUI(t)
	roles := make(chan string, 1)
	role := "starting"
	u.options.Status = func() Status {
		select {
		case role = <-roles:
		default:
		}
		return Status{Role: role}
	}
	next, stop := follow(t, startServer(t, u), "")
	defer stop()
	if m := next("status"); !strings.HasPrefix(m.data, `{"role":"starting",`) {
		t.Errorf("status %s", m.data)
	}
	roles <- "leading"
	if m := next("status"); !strings.HasPrefix(m.data, `{"role":"leading",`) {
		t.Errorf("status %s", m.data)
	}
}
