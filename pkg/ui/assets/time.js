// Times, as people read them.

/** How long ago, on two units at most: "4 s", "12 min", "3 h", "5 d". */
export function age(ms, now = Date.now()) {
  const s = Math.max(0, Math.round((now - ms) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

const full = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const minute = new Intl.DateTimeFormat("en", { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });

/** A date and a time with seconds, in the reader's zone. */
export const when = (ms) => (ms ? full.format(ms) : "unknown");

/** A date and a time with minutes, in the reader's zone. */
export const minuteOf = (ms) => minute.format(ms);
