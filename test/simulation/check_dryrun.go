package simulation

import "fmt"

// checkDryRun: a dry run creates and sends nothing and moves no position.
func (s *simulation) checkDryRun() []string {
	var faults []string
	for _, b := range s.server.record.created {
		if b.process.dry {
			faults = append(faults, fmt.Sprintf("build %s, created at %s, is that of a dry run", b.name, s.when(b.at)))
		}
	}
	for _, w := range s.server.record.writes {
		if w.term.process.dry {
			faults = append(faults, fmt.Sprintf("a dry run wrote the position at %s", s.when(w.at)))
		}
	}
	return faults
}
