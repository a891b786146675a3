import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const HELP = `npm run bench:sandbox [-- --quick]

What the Stripe sandbox can take. It runs in a process of its own, in memory, on one core (one thread); the client
is another process that speaks plain HTTP over 16 kept connections, without the Stripe SDK.

  retrieves      customers read one by one, by id
  renewals       a year of monthly renewals, paid by card, in one move of the sandbox's time
  memory         resident memory once so many customers have been created, each with its event and its idempotency key

  --quick        a tenth of it, for a first look
  --help         this text`;

const CONNECTIONS = 16;
const MAIN = fileURLToPath(new URL("../sandbox/main.js", import.meta.url));
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

interface Sandbox {
  url: string;
  process: ChildProcess;
}

type Fields = Record<string, string>;

async function start(): Promise<Sandbox> {
  const child = spawn(process.execPath, [MAIN], {
    env: { ...process.env, SANDBOX_PORT: "0", DATA_DIR: "", STRIPE_WEBHOOK_SECRET: "" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  return { url: /http:\S+/.exec(line.toString())![0], process: child };
}

/** One call; throws when it is refused. */
function ask(url: string, method: string, body = "", headers: Fields = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(url, {
      method,
      agent,
      headers: { authorization: "Bearer sk_test_bench", ...headers },
    });
    call.on("error", reject);
    call.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${method} ${url}: ${response.statusCode} ${text}`));
      });
    });
    call.end(body);
  });
}

const post = async (sandbox: Sandbox, path: string, fields: Fields, key?: string) =>
  JSON.parse(
    await ask(`${sandbox.url}${path}`, "POST", new URLSearchParams(fields).toString(), {
      "content-type": "application/x-www-form-urlencoded",
      ...(key && { "idempotency-key": key }),
    }),
  ) as { id: string };

/** Runs `work` with 0, 1, … until it says no, as many at once as there are connections. */
async function atOnce(work: (index: number) => Promise<boolean>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (await work(next++));
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}

const repeat = (count: number, work: (index: number) => Promise<unknown>) =>
  atOnce(async (index) => {
    if (index >= count) return false;
    await work(index);
    return true;
  });

/** Customers read in a second. */
async function retrieves(sandbox: Sandbox, seconds: number): Promise<number> {
  const ids: string[] = [];
  await repeat(100, async (index) => {
    const fields = { name: `Reader ${index}`, email: `reader${index}@example.com` };
    ids.push((await post(sandbox, "/v1/customers", fields)).id);
  });
  const read = async (duration: number) => {
    const end = performance.now() + duration * 1000;
    let count = 0;
    await atOnce(async (index) => {
      await ask(`${sandbox.url}/v1/customers/${ids[index % ids.length]}`, "GET");
      count += 1;
      return performance.now() < end;
    });
    return count / duration;
  };
  await read(1);
  return read(seconds);
}

/** Seconds that a year of monthly renewals takes, and how many invoices they were. */
async function renewals(sandbox: Sandbox, subscriptions: number) {
  const price = await post(sandbox, "/v1/prices", {
    currency: "usd",
    unit_amount: "3900",
    "recurring[interval]": "month",
    "product_data[name]": "Premium",
  });
  await repeat(subscriptions, async (index) => {
    const customer = await post(sandbox, "/v1/customers", {
      name: `Subscriber ${index}`,
      payment_method: "pm_card_visa",
      "invoice_settings[default_payment_method]": "pm_card_visa",
    });
    await post(sandbox, "/v1/subscriptions", { customer: customer.id, "items[0][price]": price.id });
  });
  const before = performance.now();
  await ask(`${sandbox.url}/sandbox/advance`, "POST", JSON.stringify({ days: 366 }), {
    "content-type": "application/json",
  });
  const seconds = (performance.now() - before) / 1000;
  const query = new URLSearchParams({ query: 'status:"paid"', "expand[]": "total_count", limit: "1" });
  const found = await ask(`${sandbox.url}/v1/invoices/search?${query}`, "GET");
  const paid = (JSON.parse(found) as { total_count: number }).total_count;
  const expected = subscriptions * 13;
  if (paid !== expected) throw new Error(`${paid} invoices are paid, not ${expected}`);
  return { seconds, invoices: paid - subscriptions };
}

/** Megabytes that are resident once so many customers are there, and how many came in a second. */
async function memory(sandbox: Sandbox, customers: number) {
  const before = performance.now();
  await repeat(customers, (index) =>
    post(
      sandbox,
      "/v1/customers",
      {
        name: `Customer ${index}`,
        email: `customer${index}@example.com`,
        "metadata[user_id]": `user-${index}`,
      },
      `bench-${index}`,
    ),
  );
  const rate = customers / ((performance.now() - before) / 1000);
  return { megabytes: residentKilobytes(sandbox.process.pid!) / 1024, rate };
}

function residentKilobytes(pid: number): number {
  const status = `/proc/${pid}/status`;
  if (existsSync(status)) return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(status, "utf8"))![1]);
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)]).toString());
}

async function withSandbox<T>(work: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  const sandbox = await start();
  try {
    return await work(sandbox);
  } finally {
    sandbox.process.kill();
  }
}

async function main(share: number): Promise<void> {
  const [readSeconds, subscriptions, customers] = [10 * share, 100 * share, 100_000 * share];
  const perSecond = await withSandbox((sandbox) => retrieves(sandbox, readSeconds));
  const year = await withSandbox((sandbox) => renewals(sandbox, subscriptions));
  const kept = await withSandbox((sandbox) => memory(sandbox, customers));
  const figure = (value: number, digits = 0) =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  console.log(`${cpus()[0]?.model ?? "unknown processor"}, Node.js ${process.version}`);
  console.table([
    { what: "retrieves a second", figure: figure(perSecond), aim: "1,000" },
    {
      what: `a year of monthly renewals, ${subscriptions} subscriptions (${figure(year.invoices)} invoices)`,
      figure: `${figure(year.seconds, 1)} s`,
      aim: "< 10 s for 100",
    },
    {
      what: `memory with ${figure(customers)} customers, their events and keys`,
      figure: `${figure(kept.megabytes)} MB`,
      aim: "< 500 MB for 100,000 objects",
    },
    { what: "customers created a second, meanwhile", figure: figure(kept.rate), aim: "" },
  ]);
}

const { values } = parseArgs({
  options: { quick: { type: "boolean" }, help: { type: "boolean", short: "h" } },
});
if (values.help) console.log(HELP);
else await main(values.quick ? 0.1 : 1);
agent.destroy();
