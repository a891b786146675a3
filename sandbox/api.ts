import type { ServerResponse } from "node:http";
import { ApiError, unauthorized, unknownUrl } from "./errors.ts";
import { API_VERSION } from "./events/render.ts";
import { expand } from "./expand.ts";
import type { CallFault } from "./faults.ts";
import { decodeForm, type Raw } from "./form.ts";
import { type HttpReply, type HttpRequest, json, writeReply } from "./http.ts";
import { earlierAnswer, fingerprint, keyInUse } from "./idempotency.ts";
import { newId } from "./ids.ts";
import { readShape } from "./params.ts";
import type { LoggedRequest } from "./request-log.ts";
import type { Router } from "./router.ts";
import type { Transaction } from "./transaction.ts";
import type { World } from "./world.ts";

/** How long a connection is held that a `timeout` fault has caught. */
const HELD_MS = 120_000;

interface Call {
  request: HttpRequest;
  params: { [name: string]: Raw };
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
      if (fault?.status !== undefined && fault.when !== "after")
        return await this.fail(call, response, fault);
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
      status: null,
      time: new Date(this.world.clock.nowMs()).toISOString(),
    });
    try {
      log.params = { ...decodeForm(query), ...decodeForm(body) };
    } catch {
      log.params = {};
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
    const { method, path, headers } = call.request;
    try {
      authenticate(headers.authorization);
      const found = this.router.find(method, path);
      if (!found) throw unknownUrl(method, path);
      const print = call.key === null ? "" : fingerprint(method, path, call.params);
      const earlier =
        call.key === null
          ? undefined
          : earlierAnswer(this.world.store, call.key, print, this.world.clock.now());
      if (earlier)
        return {
          ...asReply(earlier.status, earlier.body),
          headers: { ...asReply(200, "").headers, "idempotent-replayed": "true" },
        };
      const { expand: paths = [], ...params } = readShape(found.route.shape, call.params) as {
        expand?: string[];
      };
      const cause = { id: call.log.id, idempotencyKey: call.key };
      return this.world.transact(cause, (tx) => {
        const reply = this.work(tx, () => {
          const answer = found.route.handle(tx, params, found.path);
          return expand(tx, answer, paths);
        });
        if (call.key !== null) {
          const { status, body } = reply;
          tx.insert("idempotency_record", {
            id: call.key,
            fingerprint: print,
            status,
            body,
            created: tx.now,
          });
        }
        return reply;
      });
    } catch (error) {
      return this.refusal(error);
    }
  }

  /** A refusal found while working is an answer like another: its idempotency key keeps it. */
  private work(tx: Transaction, handle: () => object): HttpReply {
    try {
      return asReply(200, JSON.stringify(handle(), null, 2));
    } catch (error) {
      if (!(error instanceof ApiError) || error.validation) throw error;
      if (!error.keepsEffects) tx.rollBack();
      return this.refusal(error);
    }
  }

  private refusal(error: unknown): HttpReply {
    if (error instanceof ApiError) return json(error.status, { error: error.body });
    this.world.log(`internal error: ${error instanceof Error ? error.stack : error}`);
    return json(500, {
      error: { type: "api_error", message: "The sandbox itself has failed; its log says more." },
    });
  }

  private async fail(call: Call, response: ServerResponse, fault: CallFault): Promise<void> {
    if (fault.status === "timeout") await this.world.faults.hold(HELD_MS);
    if (typeof fault.status !== "number") {
      response.destroy();
      return;
    }
    const limited = fault.status === 429;
    const code = fault.code ?? (limited ? "rate_limit" : undefined);
    const type =
      fault.status >= 500 ? "api_error" : fault.status === 402 ? "card_error" : "invalid_request_error";
    const message = `A fault of the sandbox: ${fault.status}.`;
    this.answer(call, response, json(fault.status, { error: { type, message, ...(code && { code }) } }));
  }
}

function asReply(status: number, body: string): HttpReply {
  return { status, headers: { "content-type": "application/json", "cache-control": "no-store" }, body };
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
