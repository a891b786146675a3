import { randomUUID } from "node:crypto";
import { InvoiceLinks } from "../../src/services/invoice-links.ts";
import { CREATE_CHECKOUT } from "../support/checkout.ts";
import {
  type Answer,
  eventually,
  newUser,
  startReplica,
  startService,
  type TestService,
} from "../support/service.ts";
import { first, liveTransports } from "../support/transports.ts";

const LIMITS = { READS: 10, MUTATIONS: 5, CHECKOUTS: 4, CODES: 3 };
const env = {
  RATE_LIMIT: "on",
  ...Object.fromEntries(Object.entries(LIMITS).map(([name, most]) => [`RATE_LIMIT_${name}`, `${most}`])),
};

let service: TestService;
/** The same behind a proxy. */
let behind: Awaited<ReturnType<typeof startReplica>>;
beforeAll(async () => {
  service = await startService({ env });
  behind = await startReplica(service, { WORKER: "off", TRUST_PROXY: "127.0.0.1, ::1" });
});
afterAll(async () => {
  await behind.app.stop();
  await service.stop();
});

const PLANS = "{ plans { id } }";
const RESUME = 'mutation { resumeSubscription(id: "none") { id } }';
const codesOf = ({ errors = [] }: Partial<Answer>) => errors.map(({ extensions }) => extensions.code);
const LIMITED = {
  message: expect.stringContaining("too often"),
  extensions: { code: "RATE_LIMITED", retryable: true, retryAfter: expect.any(Number) },
};
const times = async <T>(count: number, work: (at: number) => Promise<T>): Promise<T[]> => {
  const all: T[] = [];
  for (let at = 0; at < count; at++) all.push(await work(at));
  return all;
};
/** An anonymous read from an address that a header names. */
const from = async (url: string, forwarded: string) => {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-forwarded-for": forwarded },
    body: JSON.stringify({ query: PLANS }),
  });
  return (await response.json()) as Answer;
};

test("two replicas share one limit, and every user has their own", async () => {
  const [token, other] = [await service.token(newUser()), await service.token(newUser())];
  const answers = await times(LIMITS.MUTATIONS, (at) => (at % 2 ? service : behind).ask(RESUME, {}, token));
  expect(answers.flatMap(codesOf)).toEqual(Array(LIMITS.MUTATIONS).fill("NOT_FOUND"));
  for (const replica of [service, behind]) {
    const { errors } = await replica.ask(RESUME, {}, token);
    expect(errors).toMatchObject([{ ...LIMITED, path: ["resumeSubscription"] }]);
    const wait = errors?.[0]?.extensions.retryAfter ?? 0;
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60);
  }
  expect(codesOf(await behind.ask(RESUME, {}, other))).toEqual(["NOT_FOUND"]);
  const { values } = await service.app.parts.metrics.rateLimited.get();
  expect(values).toContainEqual({ labels: { class: "mutations" }, value: 1 });
});

test("reads that one replica has counted count for the other, whichever way they are answered", async () => {
  const token = await service.token(newUser());
  const answers = await times(LIMITS.READS, () => service.ask(PLANS, {}, token));
  expect(answers.flatMap(codesOf)).toEqual([]);
  expect((await service.ask(PLANS, {}, token)).errors).toMatchObject([LIMITED]);
  // another document, that nobody has asked yet, and one more replica
  expect(codesOf(await service.ask("{ again: plans { id name } }", {}, token))).toEqual(["RATE_LIMITED"]);
  await eventually(
    async () => codesOf(await behind.ask(PLANS, {}, token)),
    (codes) => codes[0] === "RATE_LIMITED",
  );
});

test("the twentieth alias counts like the first", async () => {
  const aliases = (call: string) => Array.from({ length: 20 }, (_, at) => `a${at}: ${call}`).join(" ");
  const ask = async (document: string) => service.ask(document, {}, await service.token(newUser()));
  expect(codesOf(await ask(`{ ${aliases("subscriptionStatus { id }")} }`))).toEqual(
    Array(20 - LIMITS.READS).fill("RATE_LIMITED"),
  );
  // one after the other, and none after the first that was refused
  const made = await ask(`mutation { ${aliases("createSetupIntent { clientSecret }")} }`);
  expect(made.errors).toMatchObject([{ ...LIMITED, path: [`a${LIMITS.CHECKOUTS}`] }]);
});

test("a code is guessed no more often at a checkout than anywhere else", async () => {
  const token = await service.token(newUser());
  const guess = () => service.ask('mutation { redeemPromotion(input: { code: "GUESS" }) { id } }', {}, token);
  const answers = await times(LIMITS.CODES, guess);
  expect(answers.flatMap(codesOf)).toEqual(Array(LIMITS.CODES).fill("BAD_USER_INPUT"));
  const checkOut = (more: object) => {
    const back = "https://learn.example.com";
    const input = { planId: "none", successUrl: back, cancelUrl: back, ...more };
    return service.ask(CREATE_CHECKOUT, { input }, token);
  };
  expect((await checkOut({ promotionCode: "GUESS" })).errors).toMatchObject([LIMITED]);
  expect(codesOf(await checkOut({}))).toEqual(["BAD_USER_INPUT"]);
});

test("an X-Forwarded-For changes nothing, unless a trusted proxy sends it", async () => {
  const direct = await times(LIMITS.READS + 1, (at) => from(service.url, `203.0.113.${at}`));
  expect(direct.flatMap(codesOf)).toEqual(["RATE_LIMITED"]);
  const proxied = await times(LIMITS.READS + 1, (at) => from(behind.url, `203.0.113.${at}`));
  expect(proxied.flatMap(codesOf)).toEqual([]);
  const liar = await times(LIMITS.READS + 1, (at) => from(behind.url, `198.51.100.${at}, 203.0.113.200`));
  expect(liar.flatMap(codesOf)).toEqual(["RATE_LIMITED"]);
  // a bad token is nobody's
  expect(codesOf(await service.ask(PLANS, {}, "forged"))).toEqual(["RATE_LIMITED"]);
});

test("REST answers 429 with the seconds to wait, as a problem document", async () => {
  const userId = newUser();
  const headers = { authorization: `Bearer ${await service.token(userId)}` };
  const get = () => fetch(`${service.url}/purchases/history/${userId}`, { headers });
  const answers = await times(LIMITS.READS, get);
  expect(answers.map(({ status }) => status)).toEqual(Array(LIMITS.READS).fill(200));
  const refused = await get();
  expect(refused.status).toBe(429);
  expect(refused.headers.get("content-type")).toMatch("application/problem+json");
  const problem = (await refused.json()) as { retryAfter: number };
  expect(problem).toMatchObject({ code: "RATE_LIMITED", status: 429, retryable: true });
  expect(refused.headers.get("retry-after")).toBe(String(problem.retryAfter));
  // other routes answer so too: a good link may be opened so often, and what is none takes nothing of that
  const links = new InvoiceLinks(service.config.invoiceLinkSecrets, "http://here");
  const open = (id: string, token = new URL(links.to("page", id) as string).search) =>
    fetch(`${service.url}/invoices/${id}/page${token}`, { redirect: "manual" });
  await times(LIMITS.MUTATIONS + 1, () => open(randomUUID(), "?token=junk"));
  const invoice = randomUUID();
  const opened = await times(LIMITS.MUTATIONS + 1, () => open(invoice));
  expect(opened.map(({ status }) => status)).toEqual([...Array(LIMITS.MUTATIONS).fill(404), 429]);
  expect(opened.at(-1)?.headers.get("retry-after")).toMatch(/^\d+$/);
  expect((await open(randomUUID())).status).toBe(404);
});

const { callback: _, ...transports } = liveTransports(() => undefined as never);
test.each(Object.entries(transports))("a live subscription counts over %s", async (_name, open) => {
  const token = await service.token(newUser());
  const begin = () => first(open(service, "subscription { accessChanged { id } }", { token }));
  expect((await times(LIMITS.READS, begin)).flatMap(codesOf)).toEqual([]);
  expect(codesOf(await begin())).toEqual(["RATE_LIMITED"]);
});

test("staff is not counted, nor are webhooks and probes", async () => {
  for (const role of ["admin", "service"]) {
    const token = await service.token(newUser(), role);
    const answers = await times(LIMITS.READS * 2, () => service.ask(PLANS, {}, token));
    expect(answers.flatMap(codesOf)).toEqual([]);
  }
  const paths = ["/health", "/health/liveness", "/health/readiness", "/metrics"];
  const probes = await times(LIMITS.READS * 2, (at) => fetch(`${service.url}${paths[at % 4]}`));
  expect(new Set(probes.map(({ status }) => status))).toEqual(new Set([200]));
  const deliveries = await times(LIMITS.READS * 2, () =>
    fetch(`${service.url}/webhooks/stripe`, { method: "POST", body: "{}" }),
  );
  expect(new Set(deliveries.map(({ status }) => status))).toEqual(new Set([400]));
});

test("without Redis nobody is refused because of that, and each process keeps the limits by itself", async () => {
  await service.redis.kill();
  for (const replica of [service, behind]) {
    const token = await service.token(newUser());
    const changes = await times(LIMITS.MUTATIONS + 1, () => replica.ask(RESUME, {}, token));
    expect(changes.flatMap(codesOf)).toEqual([
      ...Array<string>(LIMITS.MUTATIONS).fill("NOT_FOUND"),
      "RATE_LIMITED",
    ]);
    const reads = await times(LIMITS.READS + 1, () => replica.ask(PLANS, {}, token));
    expect(reads.flatMap(codesOf)).toEqual(["RATE_LIMITED"]);
  }
  await service.redis.restart();
});
