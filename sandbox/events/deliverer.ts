import http from "node:http";
import https from "node:https";
import { ownFault } from "../errors.ts";
import type { Delivery, DeliveryAttempt } from "../kinds.ts";
import type { World } from "../world.ts";
import { addDelivery, wants } from "./record.ts";
import { API_VERSION, renderEvent } from "./render.ts";
import { secretsOf } from "./secrets.ts";
import { signatureHeader } from "./signature.ts";

const TIMEOUT_MS = 10_000;
const MAX_IN_FLIGHT = 64;
const KEPT_ANSWER_CHARACTERS = 500;

type Outcome = Pick<DeliveryAttempt, "status" | "error" | "answer">;

/** Hands events to webhook endpoints: started in order, answered in any, retried until acknowledged. */
export class Deliverer {
  private readonly world: World;
  private readonly ready: string[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly closing = new AbortController();
  private inFlight = 0;

  constructor(world: World) {
    this.world = world;
  }

  /** Takes up a delivery now, or when its next attempt is due. */
  schedule(delivery: Delivery): void {
    if (delivery.state !== "pending") return;
    const wait = delivery.nextAttemptAt - Date.now();
    if (wait > 0) this.later(wait, () => this.enqueue(delivery.id));
    else this.enqueue(delivery.id);
  }

  /**
   * Sends an event once more: a new delivery to each endpoint that had one and is still there, or, where
   * none had, to each that wants it now.
   */
  resend(event: string): Delivery[] {
    return this.world.act(event, (tx) => {
      const stored = tx.need("event", event);
      const had = [...tx.oldest("delivery", { index: "event", key: event })].map(({ endpoint }) => endpoint);
      const endpoints = [...tx.oldest("webhook_endpoint")].filter((endpoint) =>
        had.length > 0
          ? endpoint.status === "enabled" && had.includes(endpoint.id)
          : wants(endpoint, stored.type),
      );
      return endpoints.map((endpoint) => addDelivery(tx, event, endpoint.id));
    });
  }

  /** Goes on with everything that was pending when the sandbox stopped. */
  resume(): void {
    for (const delivery of this.world.store.oldest("delivery")) this.schedule(delivery);
  }

  /** Breaks off what is under way; it is still pending and goes on at the next start. */
  close(): void {
    this.closing.abort();
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
    }, ms);
    this.timers.add(timer);
  }

  private enqueue(id: string): void {
    this.ready.push(id);
    // The rest of a commit's deliveries come in the same turn: wait for them, so that a fault can reorder.
    queueMicrotask(() => this.pump());
  }

  private pump(): void {
    while (this.ready.length > 0 && this.inFlight < MAX_IN_FLIGHT && !this.closing.signal.aborted) {
      const id = this.takeNext();
      this.inFlight += 1;
      void this.attempt(id)
        .catch((error: unknown) => this.recover(id, error))
        .finally(() => {
          this.inFlight -= 1;
          this.pump();
        });
    }
  }

  /** What the sandbox itself has failed to do, such as to write down the answer, is done again. */
  private recover(id: string, error: unknown): void {
    ownFault(this.world.log, `at delivery ${id}`, error);
    const wait = this.world.environment.backOff.after(1);
    if (wait !== null && !this.closing.signal.aborted) this.later(wait, () => this.enqueue(id));
  }

  /** The first in line, unless a fault ranks them otherwise. */
  private takeNext(): string {
    const { faults } = this.world;
    let next = 0;
    for (let at = 1; at < this.ready.length && faults.reorders; at++) {
      if (faults.rank(this.ready[at]!) < faults.rank(this.ready[next]!)) next = at;
    }
    return this.ready.splice(next, 1)[0]!;
  }

  private async attempt(id: string): Promise<void> {
    const { faults, store } = this.world;
    const fault = faults.webhook(id, store.get("delivery", id)?.attempts.length ?? 0);
    if (fault.delayMs > 0) await new Promise<void>((resolve) => this.later(fault.delayMs, resolve));
    const delivery = store.get("delivery", id);
    if (delivery?.state !== "pending") return faults.forget(id);
    const at = Date.now();
    const outcome = fault.drop
      ? { status: null, error: "dropped by a fault", answer: "" }
      : await this.send(delivery);
    if (this.closing.signal.aborted) return;
    if (outcome) this.record(delivery, { at, durationMs: Date.now() - at, ...outcome });
    for (let copy = 0; copy < fault.duplicates && outcome && !fault.drop; copy++) await this.send(delivery);
  }

  private record(delivery: Delivery, attempt: DeliveryAttempt): void {
    if (!this.world.store.get("delivery", delivery.id)) return;
    const attempts = [...delivery.attempts, attempt];
    const acknowledged = attempt.status !== null && attempt.status >= 200 && attempt.status < 300;
    const wait = this.world.environment.backOff.after(attempts.length);
    const state = acknowledged ? "delivered" : wait === null ? "failed" : "pending";
    const nextAttemptAt = Date.now() + (wait ?? 0);
    if (state !== "pending") this.world.faults.forget(delivery.id);
    const after = this.world.transact({ id: null, idempotencyKey: null }, (tx) =>
      tx.update("delivery", delivery.id, { attempts, state, nextAttemptAt }),
    );
    this.schedule(after);
  }

  /** Null when the endpoint is gone: the delivery is called off. */
  private async send(delivery: Delivery): Promise<Outcome | null> {
    const { store, environment } = this.world;
    const endpoint = store.get("webhook_endpoint", delivery.endpoint);
    const event = store.get("event", delivery.event);
    if (endpoint?.status !== "enabled" || !event) {
      this.world.transact({ id: null, idempotencyKey: null }, (tx) => {
        if (tx.get("delivery", delivery.id)?.state !== "pending") return;
        tx.update("delivery", delivery.id, { state: "canceled" });
      });
      return null;
    }
    const body = JSON.stringify(renderEvent(store, event, endpoint.api_version ?? API_VERSION), null, 2);
    const secrets = secretsOf(store, environment, endpoint, this.world.clock.ownNow());
    return post(
      endpoint.url,
      body,
      signatureHeader(body, secrets, Math.floor(Date.now() / 1000)),
      this.closing.signal,
    );
  }
}

function post(url: string, body: string, signature: string, closing: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    const failed = (error: Error) => resolve({ status: null, error: error.message, answer: "" });
    const request = (url.startsWith("https:") ? https : http).request(url, {
      method: "POST",
      agent: false,
      signal: AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)]),
      headers: {
        "content-type": "application/json; charset=utf-8",
        "content-length": Buffer.byteLength(body),
        "stripe-signature": signature,
        "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        accept: "*/*; q=0.5, application/xml",
      },
    });
    request.on("error", failed);
    request.on("response", (response) => {
      let answer = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        if (answer.length < KEPT_ANSWER_CHARACTERS) answer += chunk;
      });
      response.on("error", failed);
      response.on("end", () => {
        resolve({
          status: response.statusCode ?? null,
          error: null,
          answer: answer.slice(0, KEPT_ANSWER_CHARACTERS),
        });
      });
    });
    request.end(body);
  });
}
