package eventinput

import (
	"bufio"
	"bytes"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// kubectl cluster-info dump prints the list of Nodes, and then for each
// namespace its Events, other lists, and the logs of its containers between two
// lines of its own. The parts that are not Events are skipped.

const (
	// logsBegin and logsEnd begin the lines around the log of a container. Both
	// go on with the same text, which names the container
	// (k8s.io/kubectl/pkg/cmd/clusterinfo).
	logsBegin = "==== START logs for container "
	logsEnd   = "==== END logs for container "
	// maxLogsName is how long that text may be: three names of 253 characters at
	// most, and the words between them.
	maxLogsName = 1024
)

// dump knows whether the input is a cluster-info dump, which begins with a list
// of Nodes.
type dump struct {
	begun, is, hasEvents bool
}

// skips reports whether a list is one of a dump that holds no Events.
func (d *dump) skips(list metav1.TypeMeta) bool {
	if !d.begun {
		d.begun = true
		d.is = list.Kind == "NodeList" && list.APIVersion == "v1"
	}
	isEvents := list.Kind == "EventList"
	d.hasEvents = d.hasEvents || isEvents
	return d.is && !isEvents
}

// end returns what is wrong with the whole input, once it has been read: a list
// of Nodes that nothing follows is no dump.
func (d *dump) end() error {
	if d.is && !d.hasEvents {
		return unexpected(metav1.TypeMeta{APIVersion: "v1", Kind: "NodeList"})
	}
	return nil
}

// withoutLogs returns what is in r without the logs of containers that
// kubectl cluster-info dump prints between its lists. Each line of a log becomes
// an empty one, so that the lines keep their numbers.
func withoutLogs(r io.Reader) io.Reader {
	return &logSkipper{r: bufio.NewReader(r)}
}

// logSkipper is a Reader that leaves out logs. What it reads it hands on at
// once, except for text that may be the beginning of logsBegin.
type logSkipper struct {
	r *bufio.Reader
	// held is the beginning of a line that is not handed on yet. inLine is set
	// once the line is known to be no logsBegin.
	held   []byte
	inLine bool
	// end is the last line of the log that is skipped, nil outside of one.
	// line are the last bytes of the line there, as many as end has.
	end, line []byte
	// ready is what is left to hand on, and err what ended the reader.
	ready []byte
	err   error
}

// Read hands on what is outside of logs.
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

// fill takes what the reader has at hand.
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

// hold takes a byte of a line that may be logsBegin.
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

// skip takes a byte of a log. A log need not end with a line break, so its last
// line may end with the line that is looked for.
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
