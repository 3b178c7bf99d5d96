package eventinput

import (
	"bufio"
	"bytes"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// kubectl cluster-info dump prints a NodeList, then for each namespace its Events,
// other lists, and the logs of its containers between two lines of its own. What is
// not Events is skipped.

const (
	// logsBegin and logsEnd are the prefixes of the lines before and after the log
	// of a container. The rest of both lines names the container
	// (k8s.io/kubectl/pkg/cmd/clusterinfo).
	logsBegin = "==== START logs for container "
	logsEnd   = "==== END logs for container "
	// maxLogsName is the maximum length of that rest: three names of 253 characters
	// and the words between them.
	maxLogsName = 1024
)

// dump detects a cluster-info dump, which starts with a NodeList.
type dump struct {
	begun, is, hasEvents bool
}

// skips reports whether a list is part of a dump and does not have Events.
func (d *dump) skips(list metav1.TypeMeta) bool {
	if !d.begun {
		d.begun = true
		d.is = list.Kind == "NodeList" && list.APIVersion == "v1"
	}
	isEvents := list.Kind == "EventList"
	d.hasEvents = d.hasEvents || isEvents
	return d.is && !isEvents
}

// end returns the error of the whole input: a NodeList without Events after it is
// not a dump.
func (d *dump) end() error {
	if d.is && !d.hasEvents {
		return unexpected(metav1.TypeMeta{APIVersion: "v1", Kind: "NodeList"})
	}
	return nil
}

// withoutLogs removes the logs of containers of a cluster-info dump. Each line of a
// log becomes an empty line, so that line numbers stay the same.
func withoutLogs(r io.Reader) io.Reader {
	return &logSkipper{r: bufio.NewReader(r)}
}

// logSkipper is a reader that skips logs. It returns what it reads at once, except
// for text that may be the start of logsBegin.
type logSkipper struct {
	r *bufio.Reader
	// held is the start of a line that may be logsBegin. inLine is whether the
	// current line is not.
	held   []byte
	inLine bool
	// end is the line after the log that is skipped, or nil. line are the last
	// bytes of the current line of the log, at least as many as end has.
	end, line []byte
	// ready is what Read returns next, and err the error after it.
	ready []byte
	err   error
}

// Read returns what is not in logs.
func (s *logSkipper) Read(p []byte) (int, error) {
	for len(s.ready) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		s.fill()
	}
	n := copy(p, s.ready)
	s.ready = s.ready[n:]
	return n, nil
}

// fill reads what is buffered.
func (s *logSkipper) fill() {
	if _, s.err = s.r.Peek(1); s.err != nil {
		s.ready = append(s.ready[:0], s.held...)
		s.held = nil
		return
	}
	data, _ := s.r.Peek(s.r.Buffered())
	s.ready = s.ready[:0]
	for _, c := range data {
		switch {
		case s.end != nil:
			s.skip(c)
		case s.inLine:
			s.ready = append(s.ready, c)
			s.inLine = c != '\n'
		default:
			s.hold(c)
		}
	}
	_, _ = s.r.Discard(len(data)) // they are in the buffer
}

// hold handles a byte of a line that may be logsBegin.
func (s *logSkipper) hold(c byte) {
	s.held = append(s.held, c)
	name, ok := bytes.CutPrefix(s.held, []byte(logsBegin))
	switch {
	case ok && c == '\n':
		s.end = append([]byte(logsEnd), bytes.TrimRight(name, "\r\n")...)
		s.ready = append(s.ready, '\n')
	case ok && len(name) < maxLogsName, !ok && bytes.HasPrefix([]byte(logsBegin), s.held):
		return
	default:
		s.ready = append(s.ready, s.held...)
		s.inLine = c != '\n'
	}
	s.held = s.held[:0]
}

// skip handles a byte of a log. A log may end without a line break, so its last
// line may end with the end line.
func (s *logSkipper) skip(c byte) {
	if c != '\n' {
		s.line = append(s.line, c)
		if len(s.line) > 2*len(s.end) {
			s.line = append(s.line[:0], s.line[len(s.line)-len(s.end)-1:]...)
		}
		return
	}
	if bytes.HasSuffix(bytes.TrimSuffix(s.line, []byte("\r")), s.end) {
		s.end = nil
	}
	s.line = s.line[:0]
	s.ready = append(s.ready, '\n')
}
