// Reads server-sent events of the gateway into the model.
import { model } from "./model.js";

const retryMs = 3000;

export function follow() {
  const source = new EventSource("/api/stream");
  let process = "";
  source.addEventListener("open", () => {
    model.connected = true;
    model.changed("connection");
  });
  source.addEventListener("state", (e) => {
    model.state = JSON.parse(e.data);
    model.changed("state");
  });
  source.addEventListener("events", (e) => {
    const from = e.lastEventId.split(".")[0];
    if (process && from !== process) model.clear();
    process = from;
    model.take(JSON.parse(e.data));
  });
  source.addEventListener("status", (e) => {
    model.status = JSON.parse(e.data);
    model.changed("status");
  });
  source.addEventListener("error", () => {
    model.connected = false;
    model.changed("connection");
    // The browser retries by itself, unless it was refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => { model.rows = []; follow(); }, retryMs);
  });
}
