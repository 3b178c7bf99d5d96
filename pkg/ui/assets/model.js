// The data of the page: the rows that the gateway stores, its list, and what an
// edited list does with them. Parts of the page listen for changes.

export const model = new (class extends EventTarget {
  /** All rows, oldest first. */
  rows = [];
  /** The list and the source, as the gateway last sent them. */
  state = null;
  /** What the daemon is doing; null without a daemon. */
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

  /** The state of reading Events; for a daemon, its role. */
  get sourceState() {
    if (!this.state) return "connecting";
    if (!this.status) return this.state.source.state;
    return { leading: "following", "standing by": "standing by" }[this.status.role] ?? "connecting";
  }

  /** Adds new rows and removes those that the gateway dropped. */
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

  /** Removes all rows, because another process answers. */
  clear() {
    this.rows = [];
    this.decided = new Map();
    this.changed("rows");
  }

  /** Applies an evaluation. */
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
   * The verdict on a row: that of the edited list, if there is one, that of the
   * current list, and how the two differ.
   */
  decision(row) {
    const pair = this.edited ? this.decided.get(row.id) : undefined;
    if (!pair) return { is: row, was: null, change: "" };
    const [is, was] = pair;
    // A filter without an id is named by its index, so an inserted filter renames
    // those below it. Another name is not a change, another build is.
    if (is.verdict === was.verdict && is.project === was.project && is.destination === was.destination) return { is, was: null, change: "" };
    if (is.verdict === was.verdict) return { is, was, change: "moved" };
    return { is, was, change: is.verdict === "accept" ? "gained" : "lost" };
  }
})();

const isKept = (row) => row.verdict === "accept" || row.faults > 0;
