/** A fault of API calls, as `POST /sandbox/faults` takes it. */
export interface CallFault {
  method: string;
  /** Exact, or with `*` for any text. */
  path: string;
  /** How many calls it befalls; without it, all until the reset. */
  times?: number;
  /** Without a status the call is only delayed. */
  status?: number | "timeout" | "reset";
  /** `after` performs the effect and then fails. */
  when?: "before" | "after";
  delayMs?: number;
  /** The error's code, such as `lock_timeout`. */
  code?: string;
}

/** Faults of webhook deliveries. */
export interface WebhookFaults {
  /** The share of attempts that never arrive (they are tried again). */
  drop?: number;
  /** How many copies follow each delivery. */
  duplicate?: number;
  reorder?: boolean;
  delayMs?: number;
}

/** What the faults do to one delivery attempt. */
export interface WebhookFault {
  drop: boolean;
  duplicates: number;
  delayMs: number;
}

/** Numbers in [0, 1) that a seed decides: mulberry32. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function matches(fault: CallFault, method: string, path: string): boolean {
  if (fault.method !== "*" && fault.method.toUpperCase() !== method) return false;
  const parts = fault.path.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(path);
}

/** The faults that are on. A seed makes drops and orders the same in every run. */
export class Faults {
  private calls: (CallFault & { left: number })[] = [];
  private webhooks: WebhookFaults = {};
  private next = random(1);
  private readonly ends = new Set<() => void>();

  /** Adds call faults; replaces those of webhooks when some are given. */
  add(faults: { seed?: number; calls?: CallFault[]; webhooks?: WebhookFaults }): void {
    if (faults.seed !== undefined) this.next = random(faults.seed);
    for (const call of faults.calls ?? [])
      this.calls.push({ ...call, left: call.times ?? Number.POSITIVE_INFINITY });
    if (faults.webhooks) this.webhooks = faults.webhooks;
  }

  /** Ends all faults, and the connections that they hold open. */
  reset(): void {
    this.calls = [];
    this.webhooks = {};
    for (const end of [...this.ends]) end();
  }

  /** What is on, for people to see. */
  active(): { calls: (CallFault & { left: number })[]; webhooks: WebhookFaults } {
    return { calls: this.calls.filter((call) => call.left > 0), webhooks: this.webhooks };
  }

  /** The fault that befalls this call, counted as used. */
  call(method: string, path: string): CallFault | undefined {
    const fault = this.calls.find((candidate) => candidate.left > 0 && matches(candidate, method, path));
    if (fault) fault.left -= 1;
    return fault;
  }

  webhook(): WebhookFault {
    const { drop = 0, duplicate = 0, reorder = false, delayMs = 0 } = this.webhooks;
    // Picking at random is not enough when events come one by one: some wait a little.
    const jitterMs = reorder ? Math.floor(this.next() * 50) : 0;
    return { drop: drop > 0 && this.next() < drop, duplicates: duplicate, delayMs: delayMs + jitterMs };
  }

  /** Which of `waiting` deliveries goes next. */
  pickNext(waiting: number): number {
    return this.webhooks.reorder ? Math.floor(this.next() * waiting) : 0;
  }

  /** Waits `ms`, or until the faults end. */
  hold(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.ends.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.ends.add(end);
    });
  }
}
