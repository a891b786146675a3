import { ApiError, invalidRequest } from "../errors.ts";
import { decodeForm, type Raw } from "../form.ts";
import { type HttpReply, type HttpRequest, json } from "../http.ts";
import type { Infer, Shape } from "../params.ts";
import type { Transaction } from "../transaction.ts";
import type { World } from "../world.ts";

/** One of the sandbox's own paths: what it takes, and what it does with the object that the path names. */
export interface ControlRoute {
  method: string;
  path: string;
  shape: Shape;
  handle(world: World, params: object, id: string): HttpReply | Promise<HttpReply>;
}

/** Describes such a path, below `/sandbox/`. */
export function control<S extends Shape>(
  method: "GET" | "POST" | "DELETE",
  path: string,
  shape: S,
  handle: (world: World, params: Infer<S>, id: string) => HttpReply | Promise<HttpReply>,
): ControlRoute {
  return { method, path: `/sandbox/${path}`, shape, handle: handle as ControlRoute["handle"] };
}

/** Describes a path that changes the object it names, in that object's time, and answers what comes of it. */
export function action<S extends Shape>(
  path: string,
  shape: S,
  act: (tx: Transaction, id: string, params: Infer<S>) => object,
): ControlRoute {
  return control("POST", path, shape, (world, params, id) =>
    json(
      200,
      world.act(id, (tx) => act(tx, id, params)),
    ),
  );
}

/**
 * What a request says in its query and its body, a form or a JSON object, in the one form that shapes
 * read. What is null or empty is left out.
 */
export function readBody({ headers, body, query }: HttpRequest): Record<string, Raw> {
  const isJson = headers["content-type"]?.includes("json");
  const given = { ...decodeForm(query), ...(isJson ? rawObject(parse(body || "{}")) : decodeForm(body)) };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
}

function parse(body: string): object {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below, in the words for anything that is not an object.
  }
  throw invalidRequest("The body is not a JSON object.");
}

const rawObject = (value: object): Record<string, Raw> =>
  Object.fromEntries(Object.entries(value).map(([name, one]) => [name, raw(one)]));

function raw(value: unknown): Raw {
  if (Array.isArray(value)) return value.map(raw);
  if (typeof value === "object" && value !== null) return rawObject(value);
  return value === null ? "" : String(value);
}

/** The answer where a holder has to authenticate first: Stripe's error, with the intent to do it for. */
export function needsAuthentication(intent: {
  id: string;
  object: "payment_intent" | "setup_intent";
}): ApiError {
  return new ApiError(402, {
    type: "card_error",
    code: "authentication_required",
    message: "This needs authentication: answer it for the intent that is told here.",
    [intent.object]: intent,
  });
}
