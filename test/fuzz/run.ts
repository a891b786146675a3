import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { subscribe } from "../support/checkout.ts";
import { recordLogs } from "../support/logs.ts";
import { newUser, startService, type TestService } from "../support/service.ts";
import { KINDS, type Kind, requestAt, type Tokens } from "./requests.ts";
import { send } from "./send.ts";

/** What a request has brought about that it should not have. */
export interface Fault {
  at: number;
  kind: Kind;
  what: string;
}

export interface Outcome {
  faults: Fault[];
  /** How many requests of each kind had which end. */
  ends: Map<Kind, Map<string, number>>;
  /** In bytes, after all garbage was collected: after the first half, and after the last. */
  memory: [number, number];
}

export interface Fuzzing {
  requests: number;
  seed: number;
  /** Only this one of all. */
  only?: number;
  /** Whether memory is looked at, which takes a moment. */
  weighs?: boolean;
  onProgress?: (done: number, faults: number) => void;
}

const AT_A_TIME = 24;
/** Refusals of which the client is told that they are nobody's fault: docs/errors.md. */
const DOCUMENTED = /"code":"(PROVIDER|SERVICE)_UNAVAILABLE"/;
const STACK = /\bat [\w.<>[\] ]*\(?[\w/.@:-]+:\d+:\d+\)?|node_modules|\/src\/\w|\.[jt]s:\d+/;

/** Sends spoilt requests to a service of its own, and looks at what comes back, what is logged and what is changed. */
export async function fuzz({ requests, seed, only, weighs, onProgress }: Fuzzing): Promise<Outcome> {
  const { logger, lines } = recordLogs("error");
  const unheeded: unknown[] = [];
  const hear = (error: unknown) => void unheeded.push(error);
  process.on("unhandledRejection", hear);
  const patience = { headersTimeout: 200, requestTimeout: 300, connectionsCheckingInterval: 50 };
  const service = await startService({
    env: { WORKER: "off", ROUTER_SECRET: "a secret of the router's" },
    overrides: { logger, patience },
    webhooks: false,
  });
  try {
    const tokens = await tokensOf(service);
    // whom others ask about
    await subscribe(service, await service.token("another"));
    const before = await untouched(service);
    const outcome: Outcome = {
      faults: [],
      ends: new Map(KINDS.map((kind) => [kind, new Map()])),
      memory: [0, 0],
    };
    const work = async (at: number) => {
      const spoilt = requestAt(seed, at, tokens);
      const { text, isLate } = await send(service.url, spoilt);
      const ends = outcome.ends.get(spoilt.kind) as Map<string, number>;
      const end = endOf(text);
      ends.set(end, (ends.get(end) ?? 0) + 1);
      const wrong = (what: string) => outcome.faults.push({ at, kind: spoilt.kind, what });
      if (isLate) wrong("it was never answered");
      if (STACK.test(text)) wrong(`a stack trace was told: ${text.slice(-500)}`);
      if (spoilt.kind === "webhook" && end === "200" && !spoilt.isSigned)
        wrong("it was taken without a signature");
      if (/^5/.test(end) && !DOCUMENTED.test(text)) wrong(`it was answered ${end}: ${text.slice(-500)}`);
      if (text.includes("INTERNAL_SERVER_ERROR"))
        wrong(`something went wrong on our side: ${text.slice(-500)}`);
      for (const line of lines.splice(0))
        wrong(`an error was logged: ${JSON.stringify(line).slice(0, 1_500)}`);
      for (const error of unheeded.splice(0)) wrong(`a rejection was not heeded: ${error}`);
      onProgress?.(done++, outcome.faults.length);
    };
    let done = 0;
    const half = Math.ceil(requests / 2);
    if (only !== undefined) await work(only);
    else {
      await inLanes(0, half, work);
      if (weighs) outcome.memory[0] = await settledMemory();
      await inLanes(half, requests, work);
      if (weighs) outcome.memory[1] = await settledMemory();
    }
    if ((await fetch(`${service.url}/health`)).status !== 200)
      outcome.faults.push({ at: -1, kind: "REST", what: "the service is not well afterwards" });
    const after = await untouched(service);
    for (const [table, rows] of Object.entries(before))
      if (after[table] !== rows)
        outcome.faults.push({ at: -1, kind: "GraphQL", what: `${table} was changed, which nobody might` });
    return outcome;
  } finally {
    process.off("unhandledRejection", hear);
    await service.stop();
  }
}

async function inLanes(from: number, to: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = from;
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      while (next < to) await work(next++);
    }),
  );
}

async function tokensOf(service: TestService): Promise<Tokens> {
  const people = await Promise.all([1, 2, 3].map(() => service.token(newUser())));
  return {
    people,
    staff: [await service.token(newUser(), "admin"), await service.token(newUser(), "service")],
  };
}

/** What nobody who asks may change, as text: what belongs to all, or to somebody else, or only Stripe has to say. */
async function untouched(service: TestService): Promise<Record<string, string>> {
  const em = service.app.parts.orm.em.fork();
  const tables = [
    ...["subscription_plans", "offers", "learning_path_courses", "promotions", "promotion_redemptions"],
    ...["subscriptions", "payments", "refunds", "disputes", "invoices", "user_access", "trial_claims"],
  ];
  const all = tables.map(async (table): Promise<[string, string]> => {
    const [row] = await em.execute<{ rows: string }[]>(
      `select coalesce(md5(string_agg(t::text, '|' order by t::text)), 'none') as rows from ${table} t`,
    );
    return [table, row?.rows ?? ""];
  });
  return Object.fromEntries(await Promise.all(all));
}

/** The status of an answer, or how a WebSocket was closed. */
function endOf(text: string): string {
  const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? "cut";
  if (status !== "101")
    return status === "100" ? (/HTTP\/1\.1 ([2-5]\d\d)/.exec(text)?.[1] ?? "100") : status;
  const at = text.lastIndexOf("\x88");
  return at < 0 ? "open" : `${text.charCodeAt(at + 2) * 256 + text.charCodeAt(at + 3) || "closed"}`;
}

/** What is held for good: connections have ended, and garbage is gone. */
async function settledMemory(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let times = 0; times < 4; times++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    collect();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
