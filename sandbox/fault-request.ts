import { invalidRequest } from "./errors.ts";
import type { CallFault, FaultRequest } from "./faults.ts";

type Body = Record<string, unknown>;
type Check = (value: unknown) => boolean;

const isNumber: Check = (value) => typeof value === "number" && Number.isFinite(value) && value >= 0;
const isShare: Check = (value) => isNumber(value) && (value as number) <= 1;
const isText: Check = (value) => typeof value === "string" && value !== "";
const isFlag: Check = (value) => typeof value === "boolean";

const CALL: Record<string, [check: Check, what: string]> = {
  method: [isText, 'an HTTP method or "*"'],
  path: [isText, "a path, with * for any text"],
  times: [(value) => isNumber(value) && Number.isInteger(value), "a number of calls"],
  share: [isShare, "a share from 0 to 1"],
  status: [
    (value) =>
      value === "timeout" ||
      value === "reset" ||
      (Number.isInteger(value) && Number(value) >= 400 && Number(value) <= 599),
    '400 to 599, "timeout" or "reset"',
  ],
  when: [(value) => value === "before" || value === "after", '"before" or "after"'],
  delayMs: [isNumber, "a number of milliseconds"],
  code: [isText, "an error code"],
  kept: [isFlag, "true or false"],
  shouldRetry: [isFlag, "true or false"],
};

const WEBHOOKS: typeof CALL = {
  drop: [isShare, "a share from 0 to 1"],
  duplicate: [isNumber, "a number of copies"],
  reorder: [isFlag, "true or false"],
  delayMs: [isNumber, "a number of milliseconds"],
};

const SEARCH: typeof CALL = { lagSeconds: [isNumber, "a number of seconds"] };

function check(value: unknown, fields: typeof CALL, name: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidRequest(`${name} must be an object.`, { param: name });
  }
  for (const [field, given] of Object.entries(value)) {
    const param = `${name}.${field}`;
    const known = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (!known) throw invalidRequest(`${param} is not known.`, { param });
    if (!known[0](given)) throw invalidRequest(`${param} must be ${known[1]}.`, { param });
  }
}

/** Reads the body of `POST /sandbox/faults`; refuses, naming it, whatever makes no sense. */
export function readFaults({ reset: _, ...body }: Body): FaultRequest {
  const { seed, calls, webhooks, search, ...rest } = body;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalidRequest(`${unknown} is not known.`, { param: unknown });
  if (seed !== undefined && !Number.isInteger(seed)) {
    throw invalidRequest("seed must be a whole number.", { param: "seed" });
  }
  if (calls !== undefined && !Array.isArray(calls)) {
    throw invalidRequest("calls must be a list.", { param: "calls" });
  }
  for (const [at, call] of (calls ?? []).entries()) {
    check(call, CALL, `calls[${at}]`);
    const { method, path } = call as Partial<CallFault>;
    if (method === undefined || path === undefined) {
      throw invalidRequest("Each of calls needs a method and a path.", { param: `calls[${at}]` });
    }
  }
  if (webhooks !== undefined) check(webhooks, WEBHOOKS, "webhooks");
  if (search !== undefined) check(search, SEARCH, "search");
  return body as FaultRequest;
}
