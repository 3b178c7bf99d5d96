// What a project does with the Events that the gateway sends it. The event's
// name is "<kind>:<reason>", and the payload is the Event's JSON.
const { events, Job } = require("brigadier");

// A container keeps crashing: run a job that reports it.
events.on("Pod:BackOff", (e, project) => {
  const event = JSON.parse(e.payload);
  const { namespace, name } = event.involvedObject;
  // Older writers count in the Event itself, newer ones in its series.
  const count = event.series ? event.series.count : event.count || 1;
  console.log(`${namespace}/${name}: ${event.message} (${count} times)`);

  const describe = new Job("describe", "alpine:3");
  describe.env = { NAMESPACE: namespace, POD: name, MESSAGE: event.message };
  describe.tasks = ['echo "Pod $POD in $NAMESPACE: $MESSAGE"'];
  return describe.run();
});

// A Pod cannot start.
for (const reason of ["Failed", "FailedMount", "FailedScheduling"]) {
  events.on(`Pod:${reason}`, (e, project) => report(e, project));
}

// A Job has failed and is not retried.
events.on("Job:BackoffLimitExceeded", (e, project) => report(e, project));

// Events of other kinds and reasons start a build too, if a filter accepts them,
// but a build without a handler here does nothing and succeeds.
function report(e, project) {
  const event = JSON.parse(e.payload);
  const object = event.involvedObject;
  console.log(`${project.name}: ${object.kind} ${object.namespace}/${object.name}: ${event.reason}: ${event.message}`);
}
