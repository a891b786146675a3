import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startPostgres } from "../dev/embedded/postgres.ts";
import { LISTENED_EVENTS } from "../src/webhooks/event-table.ts";
import { openCheckout } from "../test/support/checkout.ts";
import { collect, eventually, newUser, startService, type TestService } from "../test/support/service.ts";

const HELP = `npm run bench:live [-- --learners 100]

How long a learner waits: from the moment Stripe's webhook is sent to the moment the live subscription in the
learner's browser has the news. One learner after the other, everything on this machine, real PostgreSQL, Redis
and WebSockets.

  --learners N  how many learners pay and cancel (100)
  --help        this text`;

const { values } = parseArgs({
  options: { learners: { type: "string", default: "100" }, help: { type: "boolean" } },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

/** Stands between the sandbox and the service, and notes when each event was sent. */
async function startPostman(): Promise<{
  port: number;
  sentAt: Map<string, number>;
  target: { url: string };
}> {
  const sentAt = new Map<string, number>();
  const target = { url: "" };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const event = JSON.parse(body.toString()) as {
      type: string;
      data: { object: { customer?: string; status?: string } };
    };
    const { customer, status } = event.data.object;
    const key = `${event.type}:${customer}`;
    if (!sentAt.has(key)) sentAt.set(key, performance.now());
    if (status === "active" && !sentAt.has(`active:${customer}`))
      sentAt.set(`active:${customer}`, performance.now());
    const answer = await fetch(`${target.url}/webhooks/stripe`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "stripe-signature": String(request.headers["stripe-signature"]),
      },
      body,
    });
    response.statusCode = answer.status;
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  return { port: (server.address() as AddressInfo).port, sentAt, target };
}

const stripe = (service: TestService, method: string, path: string, body?: URLSearchParams) =>
  fetch(`${service.sandbox.url}${path}`, {
    method,
    headers: { authorization: "Bearer sk_test_suite" },
    ...(body && { body }),
  }).then((answer) => answer.json() as Promise<{ data: { id: string; customer: string }[] }>);

async function measure(service: TestService, sentAt: Map<string, number>) {
  const userId = newUser();
  const token = await service.token(userId);
  const arrivals: { at: number; status: string }[] = [];
  const live = collect(
    service.live(token),
    "subscription { subscriptionStatusChanged { status grantsAccess } }",
  );
  const push = live.results.push.bind(live.results);
  live.results.push = (...results) => {
    for (const { data } of results) {
      const state = data.subscriptionStatusChanged;
      arrivals.push({
        at: performance.now(),
        status: state ? `${state.status}:${state.grantsAccess}` : "none",
      });
    }
    return push(...results);
  };
  await eventually(
    () => arrivals.length,
    (count) => count === 1,
  );
  const { data } = await openCheckout(service, token);
  await service.pay(data.createCheckoutSession.id);
  const open = await eventually(() => arrivals.find(({ status }) => status === "ACTIVE:true"), Boolean);
  const rows = await service.app.parts.orm.em.fork().execute<{ customer: string; subscription: string }[]>(
    `select c.stripe_customer_id as customer, s.stripe_subscription_id as subscription
       from customers c join subscriptions s using (user_id) where user_id = ?`,
    [userId],
  );
  const { customer, subscription } = rows[0] as { customer: string; subscription: string };
  await quiet(service);
  await stripe(service, "DELETE", `/v1/subscriptions/${subscription}`);
  const ended = await eventually(() => arrivals.find(({ status }) => status === "CANCELED:false"), Boolean);
  live.stop();
  return {
    paid: (open?.at ?? 0) - (sentAt.get(`active:${customer}`) ?? 0),
    cancelled: (ended?.at ?? 0) - (sentAt.get(`customer.subscription.deleted:${customer}`) ?? 0),
  };
}

/** Until everything about the payment is done, so that the cancel is measured alone. */
const quiet = (service: TestService) =>
  eventually(
    async () => {
      const [row] = await service.app.parts.orm.em
        .fork()
        .execute<{ open: string }[]>("select count(*) as open from stripe_events where status = 'pending'");
      return Number(row?.open);
    },
    (open) => open === 0,
  );

function row(name: string, samples: number[]): Record<string, string> {
  const sorted = [...samples].sort((left, right) => left - right);
  const at = (share: number) =>
    `${(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number).toFixed(1)} ms`;
  return {
    "from webhook to live update": name,
    n: String(samples.length),
    min: at(0),
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    max: at(1),
  };
}

const folder = mkdtempSync(join(tmpdir(), "payment-service-bench-"));
const postgres = await startPostgres({ dataDir: folder, durable: true });
process.env.TEST_DATABASE_ADMIN_URL = postgres.adminUrl;
const postman = await startPostman();
const service = await startService({ webhooks: false });
postman.target.url = service.url;
const endpoint = new URLSearchParams({ url: `http://127.0.0.1:${postman.port}/` });
for (const [index, type] of LISTENED_EVENTS.entries()) endpoint.append(`enabled_events[${index}]`, type);
await stripe(service, "POST", "/v1/webhook_endpoints", endpoint);

const WARM_UP = 10;
const learners = Number(values.learners);
const samples: { paid: number; cancelled: number }[] = [];
for (let index = 0; index < learners + WARM_UP; index++) {
  const sample = await measure(service, postman.sentAt);
  if (index >= WARM_UP) samples.push(sample);
  if (process.stderr.isTTY) process.stderr.write(`\r${index + 1} of ${learners + WARM_UP} learners`);
}
if (process.stderr.isTTY) process.stderr.write("\n");
console.table([
  row(
    "a payment (some 14 events at once)",
    samples.map(({ paid }) => paid),
  ),
  row(
    "a cancel (one event)",
    samples.map(({ cancelled }) => cancelled),
  ),
]);
await service.stop();
await postgres.stop();
rmSync(folder, { recursive: true, force: true });
process.exit(0);
