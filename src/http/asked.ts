import type { IncomingMessage } from "node:http";
import type { Asked } from "./operations.ts";

/** A GraphQL request as nearly all are sent: a query by its text, its hash or both, with variables. */
export interface Question extends Asked {
  readonly variables: Record<string, unknown> | undefined;
}

/** Whether a request is a whole body of JSON in UTF-8, neither packed nor in pieces, and no longer than allowed. */
export function isPlainPost({ method, headers }: IncomingMessage, longest: number): boolean {
  const length = Number(headers["content-length"]);
  return (
    method === "POST" &&
    length > 0 &&
    length <= longest &&
    headers["content-encoding"] === undefined &&
    JSON_TYPE.test(headers["content-type"] ?? "")
  );
}

const JSON_TYPE = /^application\/json(?:; ?charset=utf-8)?$/i;

/** Calls back once, with the whole body. A request that breaks off is never heard of. */
export function whenRead(request: IncomingMessage, use: (body: Buffer) => void): void {
  const length = Number(request.headers["content-length"]);
  const parts: Buffer[] = [];
  let read = 0;
  const take = (part: Buffer) => {
    parts.push(part);
    read += part.length;
    if (read < length) return;
    request.off("data", take);
    use(parts.length === 1 ? part : Buffer.concat(parts));
  };
  request.on("data", take);
}

/** What a body asks; undefined for whatever is unusual about it, or wrong. */
export function questionIn(body: Buffer): Question | undefined {
  const given = parsed(body.toString());
  if (!isRecord(given)) return undefined;
  const { query: text, operationName, variables, extensions } = given;
  const name = operationName ?? undefined;
  const persisted = hashIn(extensions ?? {});
  if (!persisted || !isOptional(text) || !isOptional(name)) return undefined;
  if (variables != null && !isRecord(variables)) return undefined;
  return { text, name, hash: persisted.hash, variables: variables ?? undefined };
}

/** The hash of a persisted query, which is the only extension that is known here. */
function hashIn(extensions: unknown): { hash?: string } | undefined {
  if (!isRecord(extensions)) return undefined;
  const { persistedQuery, ...others } = extensions;
  if (Object.keys(others).length > 0) return undefined;
  if (persistedQuery === undefined) return {};
  if (!isRecord(persistedQuery) || persistedQuery.version !== 1) return undefined;
  const { sha256Hash: hash } = persistedQuery;
  return typeof hash === "string" ? { hash } : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isOptional = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === "string";

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
