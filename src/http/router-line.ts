import { setTimeout as pause } from "node:timers/promises";
import type { Callback } from "./callback-guards.ts";

const ANSWER_MS = 5_000;
const LAST_WORD_MS = 2_000;
const PAUSES_MS = [100, 300, 1_000, 2_000];
/** Routers count from the last message they heard: one that is sent when it is due arrives late. */
const EARLY = 0.75;
const HEADERS = { "content-type": "application/json", "subscription-protocol": "callback/1.0" };

type Action = "check" | "next" | "complete";

/**
 * What is said to a router of one subscription: one message at a time, again when the router does not answer or
 * has a fault of its own, and heartbeats while there is nothing to say. It is over once the router refuses one,
 * cannot be reached, or has been told that it is complete.
 */
export class RouterLine {
  private before: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private readonly over = new AbortController();
  private heartbeat: NodeJS.Timeout | undefined;

  constructor(private readonly callback: Callback) {}

  get isOver(): boolean {
    return this.over.signal.aborted;
  }

  whenOver(then: () => void): void {
    if (this.isOver) then();
    else this.over.signal.addEventListener("abort", then, { once: true });
  }

  /** Settles when the router has taken it, and says whether it has. */
  say(action: Action, content: object = {}): Promise<boolean> {
    this.waiting++;
    const said = this.before.then(() => this.deliver(action, content));
    this.before = said.finally(() => this.waiting--);
    return said;
  }

  startHeartbeat(): void {
    const { heartbeatIntervalMs } = this.callback;
    if (heartbeatIntervalMs === 0) return;
    this.heartbeat = setInterval(() => {
      if (this.waiting === 0) void this.say("check"); // a message that is on its way says as much
    }, heartbeatIntervalMs * EARLY);
  }

  end(): void {
    clearInterval(this.heartbeat);
    this.over.abort();
  }

  /** The last word before the process goes: gives up what is being said, and says why, once. */
  async leave(errors: readonly object[]): Promise<void> {
    if (this.isOver) return;
    this.end();
    await this.post("complete", { errors }, AbortSignal.timeout(LAST_WORD_MS));
  }

  private async deliver(action: Action, content: object): Promise<boolean> {
    for (const ms of [...PAUSES_MS, 0]) {
      if (this.isOver) return false;
      const status = await this.post(
        action,
        content,
        AbortSignal.any([this.over.signal, AbortSignal.timeout(ANSWER_MS)]),
      );
      if (status >= 200 && status < 300) return true;
      if (status < 500 && status !== 429) break;
      if (ms > 0) await pause(ms, undefined, { signal: this.over.signal }).catch(() => {});
    }
    this.end();
    return false;
  }

  /** The router's answer; 503 for none. It is not read, and leads nowhere else. */
  private async post(action: Action, content: object, signal: AbortSignal): Promise<number> {
    const { callbackUrl, subscriptionId: id, verifier } = this.callback;
    try {
      const response = await fetch(callbackUrl, {
        ...{ method: "POST", headers: HEADERS, redirect: "manual", signal },
        body: JSON.stringify({ kind: "subscription", action, id, verifier, ...content }),
      });
      void response.body?.cancel().catch(() => {}); // what came after the status changes nothing
      return response.status;
    } catch {
      return 503;
    }
  }
}
