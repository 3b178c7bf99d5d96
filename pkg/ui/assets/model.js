// What the page knows: the rows that the gateway holds, its list, and what an
// edited list does with them. Parts of the page listen for changes.

export const model = new (class extends EventTarget {
  /** All rows, oldest first. */
  rows = [];
  /** The list and the source, as the gateway last sent them. */
  state = null;
  /** What the daemon is doing; null where there is no daemon. */
  status = null;
  /** Whether the stream is up. */
  connected = false;
  /** How many Events the gateway had to drop. */
  shed = 0;
  /** The text in the editor. */
  text = "";
  /** The last evaluation of a list without faults, and by Event what it decides. */
  evaluation = null;
  decided = new Map();

  changed(what) { this.dispatchEvent(new Event(what)); }

  /** Whether the editor has another list than the one that decides. */
  get edited() { return this.state !== null && this.text !== this.state.list.text; }

  /** How reading Events goes; a daemon says so by its role. */
  get sourceState() {
    if (!this.state) return "connecting";
    if (!this.status) return this.state.source.state;
    return { leading: "following", "standing by": "standing by" }[this.status.role] ?? "connecting";
  }

  /** Takes new rows and drops those that the gateway dropped. */
  take(message) {
    const { rows, firstRejected, firstKept } = message;
    const held = (r) => r.id >= (isKept(r) ? firstKept : firstRejected);
    const oldest = this.rows[0];
    if (oldest && (!held(oldest) || message.held < this.rows.length + rows.length)) this.rows = this.rows.filter(held);
    for (const r of rows) {
      r.key = `${r.kind} ${r.namespace ? `${r.namespace}/` : ""}${r.name}`;
      this.rows.push(r);
    }
    this.shed = message.shed;
    this.changed("rows");
  }

  /** Forgets all rows: another process answers. */
  clear() {
    this.rows = [];
    this.decided = new Map();
    this.changed("rows");
  }

  /** Takes an evaluation. */
  evaluate(e) {
    this.evaluation = e;
    const decided = new Map();
    for (let i = 0; i < e.verdicts.length; i += 3) {
      decided.set(e.verdicts[i], [e.deciders[e.verdicts[i + 1]], e.deciders[e.verdicts[i + 2]]]);
    }
    this.decided = decided;
    this.changed("evaluation");
  }

  /**
   * What is decided on a row: by the edited list where there is one, and
   * then what the list that decides now says, and how the two differ.
   */
  decision(row) {
    const pair = this.edited ? this.decided.get(row.id) : undefined;
    if (!pair) return { is: row, was: null, change: "" };
    const [is, was] = pair;
    // A filter's place is its name where it has no other, so an inserted filter
    // renames those behind it: what decides is no change, what is built is.
    if (is.verdict === was.verdict && is.project === was.project && is.destination === was.destination) return { is, was: null, change: "" };
    if (is.verdict === was.verdict) return { is, was, change: "moved" };
    return { is, was, change: is.verdict === "accept" ? "gained" : "lost" };
  }
})();

const isKept = (row) => row.verdict === "accept" || row.faults > 0;
