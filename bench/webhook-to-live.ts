import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { LISTENED_EVENTS } from "../src/webhooks/event-table.ts";
import { openCheckout } from "../test/support/checkout.ts";
import { withNewPostgres } from "../test/support/own-postgres.ts";
import { collect, eventually, newUser, startService, type TestService } from "../test/support/service.ts";
import { spawnService } from "../test/support/spawn.ts";

const HELP = `npm run bench:live [-- --learners 100]

How long a learner waits: from the moment Stripe's webhook is sent to the moment the live subscription in the
learner's browser has the news. One learner after the other; the service in a process of its own, the sandbox and
the learner in another, with real PostgreSQL, Redis and WebSockets on this machine.

  --learners N  how many learners pay and cancel (100)
  --help        this text`;
const WARM_UP = 10;

/** When each event was sent, by type and customer; `active` is the first that tells of the paid subscription. */
type SentAt = Map<string, number>;

/** Stands between the sandbox and the service, and notes when each event was sent. */
async function startPostman(target: string, sentAt: SentAt): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    note(JSON.parse(body.toString()), sentAt);
    const signature = String(request.headers["stripe-signature"]);
    const answer = await fetch(target, { method: "POST", headers: { "stripe-signature": signature }, body });
    response.writeHead(answer.status).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function note(
  event: { type: string; data: { object: { customer?: string; status?: string } } },
  sentAt: SentAt,
) {
  const { customer, status } = event.data.object;
  const keys = [`${event.type}:${customer}`, ...(status === "active" ? [`active:${customer}`] : [])];
  for (const key of keys) if (!sentAt.has(key)) sentAt.set(key, performance.now());
}

const stripe = (service: TestService, method: string, path: string, body?: URLSearchParams) =>
  fetch(`${service.sandbox.url}${path}`, {
    method,
    headers: { authorization: "Bearer sk_test_suite" },
    ...(body && { body }),
  });

async function measure(service: TestService, sentAt: SentAt): Promise<{ paid: number; cancelled: number }> {
  const userId = newUser();
  const token = await service.token(userId);
  const arrivedAt = new Map<string, number>();
  const live = collect(
    service.live(token),
    "subscription { subscriptionStatusChanged { status grantsAccess } }",
    {
      onResult: ({ data }) => {
        const state = data.subscriptionStatusChanged;
        arrivedAt.set(state ? `${state.status}:${state.grantsAccess}` : "none", performance.now());
      },
    },
  );
  const arrival = (state: string) => eventually(() => arrivedAt.get(state) ?? 0, Boolean);
  await arrival("none");
  const { data } = await openCheckout(service, token);
  await service.pay(data.createCheckoutSession.id);
  const open = await arrival("ACTIVE:true");
  const { customer, subscription } = await atStripe(service, userId);
  await quiet(service);
  await stripe(service, "DELETE", `/v1/subscriptions/${subscription}`);
  const ended = await arrival("CANCELED:false");
  live.stop();
  return {
    paid: open - (sentAt.get(`active:${customer}`) ?? 0),
    cancelled: ended - (sentAt.get(`customer.subscription.deleted:${customer}`) ?? 0),
  };
}

async function atStripe(
  service: TestService,
  userId: string,
): Promise<{ customer: string; subscription: string }> {
  const [row] = await service.app.parts.orm.em.fork().execute<{ customer: string; subscription: string }[]>(
    `select c.stripe_customer_id as customer, s.stripe_subscription_id as subscription
     from customers c join subscriptions s using (user_id) where user_id = ?`,
    [userId],
  );
  if (!row) throw new Error(`${userId} has no subscription`);
  return row;
}

/** Until everything about the payment is done, so that the cancel is measured alone. */
const quiet = (service: TestService) =>
  eventually(
    () =>
      service.app.parts.orm.em.fork().execute("select 1 from stripe_events where status = 'pending' limit 1"),
    (rows) => rows.length === 0,
  );

function row(name: string, samples: number[]): Record<string, string> {
  const sorted = samples.toSorted((left, right) => left - right);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
  const figures = { min: at(0), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
  const shown = Object.entries(figures).map(([figure, ms]) => [figure, `${ms.toFixed(1)} ms`]);
  return { "from webhook to live update": name, n: String(samples.length), ...Object.fromEntries(shown) };
}

async function main(learners: number): Promise<void> {
  // the service of this process only sets things up and answers for the database
  const setup = await startService({ webhooks: false, env: { WORKER: "off" } });
  const { child, url } = await spawnService(setup.env);
  const sentAt: SentAt = new Map();
  const endpoint = new URLSearchParams({ url: await startPostman(`${url}/webhooks/stripe`, sentAt) });
  for (const [index, type] of LISTENED_EVENTS.entries()) endpoint.append(`enabled_events[${index}]`, type);
  await stripe(setup, "POST", "/v1/webhook_endpoints", endpoint);
  const service = setup.at(url);
  const samples: { paid: number; cancelled: number }[] = [];
  for (let index = 0; index < learners + WARM_UP; index++) {
    const sample = await measure(service, sentAt);
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
  child.kill("SIGKILL");
  await setup.stop();
}

const { values } = parseArgs({
  options: { learners: { type: "string", default: "100" }, help: { type: "boolean" } },
});
if (values.help) console.log(HELP);
else {
  await withNewPostgres({ durable: true }, () => main(Number(values.learners)));
  process.exit(0);
}
