import type { ServerResponse } from "node:http";
import { ApiError, type ErrorBody, ownFault, unauthorized, unknownUrl } from "./errors.ts";
import { API_VERSION } from "./events/render.ts";
import { expand } from "./expand.ts";
import type { CallFault } from "./faults.ts";
import { decodeForm, type Raw } from "./form.ts";
import { type HttpReply, type HttpRequest, json, refusal, writeReply } from "./http.ts";
import { earlierAnswer, fingerprint, forgetOldKeys, keyInUse } from "./idempotency.ts";
import { newId } from "./ids.ts";
import { momentOf } from "./moment.ts";
import { readShape } from "./params.ts";
import type { LoggedRequest } from "./request-log.ts";
import type { Found, Router } from "./router.ts";
import type { Transaction } from "./transaction.ts";
import type { World } from "./world.ts";

/** How long a connection is held that a `timeout` fault has caught. */
const HELD_MS = 120_000;

interface Call {
  request: HttpRequest;
  /** Or why they cannot be decoded. */
  params: { [name: string]: Raw } | ApiError;
  key: string | null;
  log: LoggedRequest;
}

/** Stripe's own paths, `/v1/…`. */
export class Api {
  private readonly world: World;
  private readonly router: Router;
  private readonly keysInUse = new Set<string>();

  constructor(world: World, router: Router) {
    this.world = world;
    this.router = router;
  }

  async serve(request: HttpRequest, response: ServerResponse): Promise<void> {
    const call = this.receive(request);
    const fault = this.world.faults.call(request.method, request.path);
    const { key } = call;
    if (key !== null && this.keysInUse.has(key))
      return this.answer(call, response, this.refusal(keyInUse(key)));
    if (key !== null) this.keysInUse.add(key);
    try {
      if (fault?.delayMs) await this.world.faults.hold(fault.delayMs);
      if (fault?.status !== undefined && fault.when !== "after") {
        // Nothing is in progress while a fault holds the caller: a retry under the same key goes through.
        if (key !== null) this.keysInUse.delete(key);
        return await this.fail(call, response, fault);
      }
      const reply = this.perform(call);
      if (key !== null) this.keysInUse.delete(key);
      if (fault?.status !== undefined) return await this.fail(call, response, fault);
      this.answer(call, response, reply);
    } finally {
      if (key !== null) this.keysInUse.delete(key);
    }
  }

  private receive(request: HttpRequest): Call {
    const { method, path, headers, query, body } = request;
    const header = headers["idempotency-key"];
    const key = method === "POST" && typeof header === "string" && header !== "" ? header : null;
    const log = this.world.requests.add({
      id: newId("req"),
      method,
      path,
      params: {},
      idempotencyKey: key,
      userAgent: headers["user-agent"] ?? "",
      status: null,
      time: new Date(this.world.clock.nowMs()).toISOString(),
    });
    try {
      log.params = { ...decodeForm(query), ...decodeForm(body) };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { request, params: error, key, log };
    }
    return { request, params: log.params, key, log };
  }

  private answer(call: Call, response: ServerResponse, reply: HttpReply): void {
    call.log.status = reply.status;
    const version = call.request.headers["stripe-version"];
    writeReply(response, {
      ...reply,
      headers: {
        ...reply.headers,
        "request-id": call.log.id,
        "stripe-version": typeof version === "string" ? version : API_VERSION,
        ...(call.key && { "idempotency-key": call.key }),
      },
    });
  }

  /** Authenticates, finds the operation and runs it; every outcome is a reply. */
  private perform(call: Call): HttpReply {
    const { params: raw, key } = call;
    const { method, path, headers } = call.request;
    try {
      authenticate(headers.authorization);
      const found = this.router.find(method, path);
      if (!found) throw unknownUrl(method, path);
      if (raw instanceof ApiError) throw raw;
      const print = key === null ? "" : fingerprint(method, path, raw);
      const earlier =
        key === null ? undefined : earlierAnswer(this.world.store, key, print, this.world.clock.now());
      if (earlier) return json(earlier.status, earlier.answer, { "idempotent-replayed": "true" });
      return this.run(call, found, raw, print);
    } catch (error) {
      return this.refusal(error);
    }
  }

  /** One transaction: the work, and its answer under the idempotency key. */
  private run(
    { key, log }: Call,
    { route, path }: Found,
    raw: { [name: string]: Raw },
    print: string,
  ): HttpReply {
    const { expand: paths = [], ...params } = readShape(route.shape, raw) as { expand?: string[] };
    const created = this.world.clock.now();
    const work = (tx: Transaction) => {
      const { status, answer } = this.work(tx, () =>
        expand(tx, route.handle(tx, params, path, paths), paths),
      );
      if (key !== null) {
        tx.insert("idempotency_record", { id: key, fingerprint: print, status, answer, created });
        forgetOldKeys(tx, created);
      }
      return json(status, answer);
    };
    const at = momentOf(this.world.store, path, params);
    return this.world.transact({ id: log.id, idempotencyKey: key }, work, at);
  }

  /** A refusal found while working is an answer like another: its idempotency key keeps it. */
  private work(tx: Transaction, handle: () => object): { status: number; answer: object } {
    try {
      return { status: 200, answer: handle() };
    } catch (error) {
      if (!(error instanceof ApiError) || error.validation) throw error;
      if (!error.keepsEffects) tx.rollBack();
      return { status: error.status, answer: { error: error.body } };
    }
  }

  private refusal(error: unknown): HttpReply {
    return refusal(error instanceof ApiError ? error : ownFault(this.world.log, "at a request", error));
  }

  private async fail(call: Call, response: ServerResponse, fault: CallFault): Promise<void> {
    if (fault.status === "timeout") await this.world.faults.hold(HELD_MS);
    if (typeof fault.status !== "number") {
      response.destroy();
      return;
    }
    const { status, code, shouldRetry } = fault;
    const answer = { error: faultBody(status, code) };
    const headers = { ...(shouldRetry !== undefined && { "stripe-should-retry": String(shouldRetry) }) };
    if (fault.kept) this.keep(call, status, answer);
    this.answer(call, response, json(status, answer, headers));
  }

  /** Makes a failure the answer of its idempotency key, as Stripe does with its own. */
  private keep({ key, params, request, log }: Call, status: number, answer: object): void {
    if (key === null) return;
    const print = fingerprint(request.method, request.path, params instanceof ApiError ? {} : params);
    const created = this.world.clock.now();
    this.world.transact({ id: log.id, idempotencyKey: key }, (tx) =>
      tx.insert("idempotency_record", { id: key, fingerprint: print, status, answer, created }),
    );
  }
}

/** What Stripe says where it is busy, by code. https://docs.stripe.com/rate-limits */
const BUSY: Record<string, string> = {
  lock_timeout:
    "This object cannot be accessed right now because another API request or Stripe process is currently accessing it. If you see this error intermittently, retry the request. If you see this error frequently and are making multiple concurrent requests to a single object, make your requests serially or at a lower rate.",
  rate_limit:
    "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
};

function faultBody(status: number, given: string | undefined): ErrorBody {
  const code = given ?? (status === 429 ? "rate_limit" : undefined);
  const type = status >= 500 ? "api_error" : status === 402 ? "card_error" : "invalid_request_error";
  const message = BUSY[code ?? ""] ?? `A fault of the sandbox: ${status}.`;
  return { type, message, ...(code && { code }) };
}

/** Any secret or restricted test key will do. */
function authenticate(header: string | undefined): void {
  const [scheme, value = ""] = (header ?? "").split(" ");
  const key =
    scheme === "Basic"
      ? Buffer.from(value, "base64").toString().split(":")[0]!
      : scheme === "Bearer"
        ? value
        : "";
  if (key === "") {
    throw unauthorized(
      "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
    );
  }
  if (!/^[sr]k_test_\w+$/.test(key)) throw unauthorized(`Invalid API Key provided: ${key.slice(0, 8)}****`);
}
