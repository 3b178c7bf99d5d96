package delivery

// words are what log and warnings call what a Queue does.
type words struct {
	noun, done, bound        string
	dropped, refused, failed string
	warnDropped, warnRefused string
}

// words returns those for builds or, where the Queue sends to a receiver, for
// messages.
func (q *Queue) words() words {
	if q.messages {
		return words{
			noun: "message", done: "sent to " + q.destination, bound: "the share of " + q.destination + " in limits.queued",
			dropped: "message dropped, too many messages wait", refused: "message refused", failed: "sending message failed, retrying",
			warnDropped: "MessageDropped", warnRefused: "MessageRefused",
		}
	}
	return words{
		noun: "build", done: "built", bound: "limits.queued",
		dropped: "build dropped, too many builds wait", refused: "build refused", failed: "creating build failed, retrying",
		warnDropped: "BuildDropped", warnRefused: "BuildRefused",
	}
}
