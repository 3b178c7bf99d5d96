package delivery

// words has the words for builds or messages in the warnings of a Queue.
type words struct {
	noun, done, bound        string
	warnDropped, warnRefused string
}

// words returns those for builds or, if the Queue sends to a receiver, for
// messages.
func (q *Queue) words() words {
	if q.messages {
		return words{
			noun: "message", done: "sent to " + q.destination, bound: "the share of " + q.destination + " in limits.queued",
			warnDropped: "MessageDropped", warnRefused: "MessageRefused",
		}
	}
	return words{noun: "build", done: "built", bound: "limits.queued", warnDropped: "BuildDropped", warnRefused: "BuildRefused"}
}

func (q *Queue) logDropped(args ...any) {
	if q.messages {
		q.log.Error("message dropped, too many messages wait", args...)
	} else {
		q.log.Error("build dropped, too many builds wait", args...)
	}
}

func (q *Queue) logRefused(args ...any) {
	if q.messages {
		q.log.Error("message refused", args...)
	} else {
		q.log.Error("build refused", args...)
	}
}

func (q *Queue) logFailed(args ...any) {
	if q.messages {
		q.log.Warn("sending message failed, retrying", args...)
	} else {
		q.log.Warn("creating build failed, retrying", args...)
	}
}
