import type { SearchLag } from "./search/lag.ts";

/** A fault of API calls, as `POST /sandbox/faults` takes it. */
export interface CallFault {
  method: string;
  /** Exact, or with `*` for any text. */
  path: string;
  /** How many calls it befalls; without it, all until the reset. */
  times?: number;
  /** The share of the matching calls that it befalls, 0 to 1, chosen by the seed; without it, all. */
  share?: number;
  /** Without a status the call is only delayed. */
  status?: number | "timeout" | "reset";
  /** `after` performs the effect and then fails. */
  when?: "before" | "after";
  delayMs?: number;
  /** The error's code, such as `lock_timeout`. */
  code?: string;
  /** The failure is what the idempotency key keeps: the same call gets it again. Needs a numeric status. */
  kept?: boolean;
  /** Sends `stripe-should-retry`, which clients obey above all. */
  shouldRetry?: boolean;
}

/** Faults of webhook deliveries. */
interface WebhookFaults {
  /** The share of attempts that never arrive (they are tried again). */
  drop?: number;
  /** How many copies follow each delivery; 0.5 is one after every other. */
  duplicate?: number;
  reorder?: boolean;
  delayMs?: number;
}

/** What `POST /sandbox/faults` may ask for. */
interface FaultRequest {
  seed?: number;
  calls?: CallFault[];
  webhooks?: WebhookFaults;
  search?: { lagSeconds: number };
}

/** What the faults do to one delivery attempt. */
interface WebhookFault {
  drop: boolean;
  duplicates: number;
  delayMs: number;
}

/** Reordered deliveries wait up to so long, in steps: a later event then overtakes an earlier one. */
const REORDER_STEPS = 8;
const REORDER_STEP_MS = 15;

/** A number in [0, 1) that the seed and a place decide: one round of mulberry32. */
function chance(seed: number, ...place: number[]): number {
  let state = seed >>> 0;
  for (const part of [...place, 0]) {
    state = (Math.imul(state ^ (part + 1), 0x9e3779b1) + 0x6d2b79f5) >>> 0;
    state ^= state >>> 15;
  }
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

/** Which of the choices of one place is meant. */
const CHOICE = { call: 0, drop: 1, duplicate: 2, rank: 3 };

function matches(fault: CallFault, method: string, path: string): boolean {
  if (fault.method !== "*" && fault.method.toUpperCase() !== method) return false;
  const parts = fault.path.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(path);
}

/**
 * The faults that are on. Each choice is made by the seed and by the place of the call or delivery
 * among those since the seed was set, so that it does not depend on how long anything takes: the same
 * seed and the same requests give the same run.
 */
export class Faults {
  private readonly searchLag: SearchLag;
  private calls: (CallFault & { left: number })[] = [];
  private webhooks: WebhookFaults = {};
  private seed = 1;
  private callCount = 0;
  private readonly numbers = new Map<string, number>();
  private deliveryCount = 0;
  private readonly ends = new Set<() => void>();

  constructor(searchLag: SearchLag) {
    this.searchLag = searchLag;
  }

  /** Adds call faults; replaces those of webhooks and search when some are given. */
  add({ seed, calls = [], webhooks, search }: FaultRequest): void {
    if (seed !== undefined) this.reseed(seed);
    for (const call of calls) this.calls.push({ ...call, left: call.times ?? Number.POSITIVE_INFINITY });
    if (webhooks) this.webhooks = webhooks;
    if (search) this.searchLag.set(search.lagSeconds);
  }

  /** Ends all faults, and the connections that they hold open. */
  reset(): void {
    this.calls = [];
    this.webhooks = {};
    this.searchLag.set(0);
    for (const end of [...this.ends]) end();
  }

  /** What is on, for people to see. */
  active() {
    const { seconds } = this.searchLag;
    return {
      calls: this.calls.filter((call) => call.left > 0),
      webhooks: this.webhooks,
      ...(seconds > 0 && { search: { lagSeconds: seconds } }),
    };
  }

  /** The fault that befalls this call, counted as used. */
  call(method: string, path: string): CallFault | undefined {
    if (this.calls.length === 0) return undefined;
    const fate = chance(this.seed, this.callCount++, CHOICE.call);
    const fault = this.calls.find(
      (candidate) => candidate.left > 0 && matches(candidate, method, path) && fate < (candidate.share ?? 1),
    );
    if (fault) fault.left -= 1;
    return fault;
  }

  /** What befalls the `attempt`-th attempt (from 0) of a delivery. */
  webhook(delivery: string, attempt: number): WebhookFault {
    const { drop = 0, duplicate = 0, reorder = false, delayMs = 0 } = this.webhooks;
    if (!drop && !duplicate && !reorder) return { drop: false, duplicates: 0, delayMs };
    const place = [this.numberOf(delivery), attempt];
    const whole = Math.floor(duplicate);
    const extra = chance(this.seed, ...place, CHOICE.duplicate) < duplicate - whole ? 1 : 0;
    const step = reorder ? Math.floor(this.rank(delivery) * REORDER_STEPS) : 0;
    return {
      drop: chance(this.seed, ...place, CHOICE.drop) < drop,
      duplicates: whole + extra,
      delayMs: delayMs + step * REORDER_STEP_MS,
    };
  }

  /** Whether deliveries that wait together go by rank. */
  get reorders(): boolean {
    return this.webhooks.reorder ?? false;
  }

  /** The smallest goes first. */
  rank(delivery: string): number {
    return chance(this.seed, this.numberOf(delivery), CHOICE.rank);
  }

  /** A delivery that needs no more attempts. */
  forget(delivery: string): void {
    this.numbers.delete(delivery);
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

  private reseed(seed: number): void {
    this.seed = seed;
    this.callCount = 0;
    this.deliveryCount = 0;
    this.numbers.clear();
  }

  private numberOf(delivery: string): number {
    const number = this.numbers.get(delivery) ?? this.deliveryCount++;
    this.numbers.set(delivery, number);
    return number;
  }
}
