import { changeSettings, settingsOf } from "./billing/subscriptions/dunning.ts";
import { completeSession } from "./control-checkout.ts";
import { actOnPayments } from "./control-payments.ts";
import { actInPortal } from "./control-portal.ts";
import { moveTestClock } from "./control-time.ts";
import { listDeliveries, resendEvent, rollEndpointSecret } from "./control-webhooks.ts";
import { ApiError, invalidRequest, unknownUrl } from "./errors.ts";
import { readFaults } from "./fault-request.ts";
import { decodeForm } from "./form.ts";
import { type HttpReply, type HttpRequest, json } from "./http.ts";
import type { Settings } from "./kinds.ts";
import type { Transaction } from "./transaction.ts";
import type { World } from "./world.ts";

/** How long `GET /sandbox/time?changed_from=…` waits for a change. */
const LONG_POLL_MS = 25_000;

type Body = Record<string, unknown>;
type Handler = (world: World, body: Body, id: string) => HttpReply | Promise<HttpReply>;

/** The sandbox's own paths, apart from its pages. */
const handlers: [method: string, path: RegExp, handle: Handler][] = [
  ["GET", /^\/sandbox\/time$/, time],
  ["POST", /^\/sandbox\/advance$/, advance],
  ["GET", /^\/sandbox\/requests$/, (world) => json(200, { requests: world.requests.list() })],
  ["POST", /^\/sandbox\/faults$/, setFaults],
  ["DELETE", /^\/sandbox\/state$/, forget],
  ["GET", /^\/sandbox\/settings$/, (world) => json(200, publicSettings(settingsOf(world.store)))],
  ["POST", /^\/sandbox\/settings$/, setSettings],
  ["POST", /^\/sandbox\/webhook_endpoints\/([^/]+)\/roll$/, rollEndpointSecret],
  ["GET", /^\/sandbox\/deliveries$/, listDeliveries],
  ["POST", /^\/sandbox\/events\/([^/]+)\/resend$/, resendEvent],
  ["POST", /^\/sandbox\/checkout\/sessions\/([^/]+)\/complete$/, completeSession],
];

/** Answers a request under `/sandbox/`. */
export async function serveControl(world: World, request: HttpRequest): Promise<HttpReply> {
  try {
    for (const [method, path, handle] of handlers) {
      const match = path.exec(request.path);
      if (match && method === request.method) return await handle(world, readBody(request), match[1] ?? "");
    }
    const body = readBody(request);
    const acted =
      request.method === "POST" &&
      (actOnPayments(world, request.path, body) ?? actInPortal(world, request.path, body));
    if (acted) return acted;
    throw unknownUrl(request.method, request.path);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return json(error.status, { error: error.body });
  }
}

function readBody({ headers, body, query }: HttpRequest): Body {
  const params = decodeForm(query);
  if (!headers["content-type"]?.includes("json")) return { ...params, ...decodeForm(body) };
  try {
    const value: unknown = JSON.parse(body || "{}");
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...params, ...value };
  } catch {
    // Said below, in the words for anything that is not an object.
  }
  throw invalidRequest("The body is not a JSON object.");
}

function timeReply(world: World): HttpReply {
  const now = world.clock.nowMs();
  return json(200, {
    now: new Date(now).toISOString(),
    unix: Math.floor(now / 1000),
    offsetSeconds: world.clock.offsetMs / 1000,
  });
}

async function time(world: World, { changed_from }: Body): Promise<HttpReply> {
  if (changed_from === undefined || Number(changed_from) !== world.clock.offsetMs / 1000)
    return timeReply(world);
  await new Promise<void>((resolve) => {
    // A waiting reader does not keep a closed sandbox's process alive.
    const timer = setTimeout(done, LONG_POLL_MS).unref();
    const stop = world.clock.onChange(done);
    function done() {
      clearTimeout(timer);
      stop();
      resolve();
    }
  });
  return timeReply(world);
}

function quantity(body: Body, name: string): number {
  const value = Number(body[name] ?? 0);
  if (!Number.isFinite(value) || value < 0)
    throw invalidRequest(`${name} must be a number that is not negative.`, { param: name });
  return value;
}

function advance(world: World, body: Body): HttpReply {
  const seconds =
    quantity(body, "days") * 86_400 + quantity(body, "hours") * 3600 + quantity(body, "seconds");
  if (typeof body.clock === "string") return json(200, moveTestClock(world, body.clock, Math.round(seconds)));
  world.advance(Math.round(seconds * 1000));
  return timeReply(world);
}

function setFaults(world: World, body: Body): HttpReply {
  const request = readFaults(body);
  if (body.reset) world.faults.reset();
  else world.faults.add(request);
  return json(200, { faults: world.faults.active() });
}

const publicSettings = ({ afterRetries, retryDays }: Settings) => ({ afterRetries, retryDays });

function setSettings(world: World, body: Body): HttpReply {
  const change = (tx: Transaction) => changeSettings(tx, body);
  return json(200, publicSettings(world.transact({ id: null, idempotencyKey: null }, change)));
}

function forget(world: World): HttpReply {
  world.reset();
  return json(200, { deleted: true });
}
