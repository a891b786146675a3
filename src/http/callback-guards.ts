import type { Request } from "express";
import { z } from "zod";
import type { Caller } from "../auth/caller.ts";
import { callerOf } from "../auth/token.ts";
import type { Config } from "../config.ts";
import { BadUserInput, Forbidden } from "../errors.ts";
import { isLoopback } from "../return-url.ts";
import { hasRouterSecret } from "./router-secret.ts";

/** Where the extension stands in a request. */
export const WHERE = "extensions.subscription";
const LEAST_HEARTBEAT_MS = 1_000;
/** Longer than any timer that a router would have, and than ours can be. */
const MOST_HEARTBEAT_MS = 24 * 3_600_000;

/** What a router says of the subscription that it asks for. */
export type Callback = z.output<typeof callback>;
const callback = z.object({
  callbackUrl: z.string().max(2_000).refine(isPlain, "is not a URL"),
  subscriptionId: z.string().min(1).max(200),
  verifier: z.string().min(1).max(1_000),
  heartbeatIntervalMs: z
    .int()
    .refine(
      (ms) => ms === 0 || (ms >= LEAST_HEARTBEAT_MS && ms <= MOST_HEARTBEAT_MS),
      `is 0, or from ${LEAST_HEARTBEAT_MS} to ${MOST_HEARTBEAT_MS}`,
    )
    .default(5_000),
});

/** The callback extension of a request, whatever it may hold; undefined for a request like any other. */
export function extensionOf(request: Request): unknown {
  const given = request.method === "GET" ? request.query.extensions : request.body?.extensions;
  const extensions = typeof given === "string" ? parsed(given) : given;
  return (extensions as { subscription?: unknown } | null | undefined)?.subscription ?? undefined;
}

/**
 * Who asks, and where to post to. Nothing is posted for anybody else, nor anywhere else.
 * @throws BadUserInput, Forbidden, Unauthenticated
 */
export async function permitted(
  config: Config,
  request: Request,
  extension: unknown,
): Promise<{ caller: Caller; callback: Callback }> {
  const { routerSecret, callbackOrigins, jwt } = config;
  if (!routerSecret || callbackOrigins.length === 0)
    throw new BadUserInput(WHERE, "Callbacks are off here: use WebSocket, or server-sent events.");
  if (!hasRouterSecret(request, routerSecret))
    throw new Forbidden("Callbacks are for the router, which has its secret in the header router-secret.");
  if (request.method !== "POST") throw new BadUserInput(WHERE, "Ask for callbacks with POST.");
  const caller = await callerOf(jwt, request.get("authorization"));
  caller.assertKnown();
  const { data, error } = callback.safeParse(extension);
  if (!data) {
    const [issue] = error.issues;
    const field = [WHERE, ...(issue?.path ?? [])].join(".");
    throw new BadUserInput(field, `This cannot be used: ${issue?.message}.`);
  }
  if (!isAllowed(callbackOrigins, new URL(data.callbackUrl)))
    throw new BadUserInput(`${WHERE}.callbackUrl`, "This is of no origin in CALLBACK_ORIGINS.");
  return { caller, callback: data };
}

/** Parsers disagree about anything stranger, and what is checked here would not be what is asked. */
function isPlain(value: string): boolean {
  if (/[\s\\\p{Cc}]/u.test(value) || !URL.canParse(value)) return false;
  const { protocol, username, password } = new URL(value);
  return /^https?:$/.test(protocol) && !username && !password;
}

const isAllowed = (origins: Config["callbackOrigins"], { origin, hostname }: URL) =>
  origins === "loopback" ? isLoopback(hostname) : origins.includes(origin);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
