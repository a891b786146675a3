import { statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { holdLock } from "../../dev/embedded/lock.ts";
import { postgresHome } from "../../dev/embedded/postgres-place.ts";
import { returnUrl } from "../../dev/return-page.ts";
import { type DevPlace, makeDevPlace } from "../support/dev-server.ts";
import type { Watched } from "../support/processes.ts";

async function ask(url: string, token: string, query: string) {
  const answer = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ query }),
  });
  return (await answer.json()) as { data: Record<string, unknown>; errors?: unknown };
}

describe("npm run dev", () => {
  let place: DevPlace;
  let dev: Watched;

  beforeAll(async () => {
    place = await makeDevPlace();
    dev = await place.start();
  }, 30_000);
  afterAll(async () => {
    await dev.end("SIGTERM");
    await place.remove();
  });

  it("tells what a person needs to begin", () => {
    const banner = dev.output();
    for (const words of [
      `${place.serviceUrl}/graphql`,
      `${place.serviceUrl}/health`,
      `${place.serviceUrl}/metrics`,
      place.sandboxUrl,
      place.dataDir,
      "4242 4242 4242 4242",
      "4000 0000 0000 0002",
      "4000 0027 6000 3184",
      "npm run demo",
      "npm run -s token",
    ])
      expect(banner).toContain(words);
    expect(banner).not.toContain("ioredis-mock");
    expect(banner.trim().split("\n").at(-1)).toMatch(/^ready/);
  });

  it("keeps its data and secrets to their owner", () => {
    expect(statSync(place.dataDir).mode & 0o777).toBe(0o700);
    expect(statSync(join(place.dataDir, "secrets.json")).mode & 0o777).toBe(0o600);
  });

  it("prints a token that works", async () => {
    const token = /^ {2}(eyJ\S+)$/m.exec(dev.output())?.[1] ?? "";
    expect(await ask(place.serviceUrl, token, "{ subscriptionStatus { status } }")).toEqual({
      data: { subscriptionStatus: null },
    });
  });

  it("shows browsers the explorer and answers queries at the same path", async () => {
    const page = await fetch(`${place.serviceUrl}/graphql`, { headers: { accept: "text/html" } });
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await page.text()).toContain("Payment Service");
    const { data } = await ask(place.serviceUrl, "", "{ plans { name } }");
    expect(data.plans).toHaveLength(4);
  });

  it("shows whoever comes back from the checkout page that the platform is open", async () => {
    const { stdout } = await place.run("token", ["--user", "ada & co"]);
    const { data } = await ask(place.serviceUrl, "", "{ plans { id name } }");
    const planId = (data.plans as { id: string; name: string }[]).find(({ name }) => name === "Premium")?.id;
    const successUrl = returnUrl(place.serviceUrl, "ada & co");
    const opened = await ask(
      place.serviceUrl,
      stdout.trim(),
      `mutation { createCheckoutSession(input: { planId: "${planId}", successUrl: "${successUrl}", cancelUrl: "${place.serviceUrl}/graphql" }) { id } }`,
    );
    const { id } = opened.data.createCheckoutSession as { id: string };
    const visit = async (url: string) => {
      const response = await fetch(url.replace("{CHECKOUT_SESSION_ID}", id), {
        headers: { accept: "text/html" },
      });
      return /<h1>(.*)<\/h1>\n<p>(.*)<\/p>/.exec(await response.text())?.slice(1);
    };
    expect((await visit(successUrl))?.[0]).toBe("Not paid yet");
    expect((await visit(returnUrl(place.serviceUrl)))?.[0]).toBe("No such checkout");
    await fetch(`${place.sandboxUrl}/sandbox/checkout/sessions/${id}/complete`, {
      method: "POST",
      body: new URLSearchParams({ payment_method: "pm_card_visa" }),
    });
    expect(await visit(successUrl)).toEqual([
      "The platform is open",
      "ada &#38; co has paid for Premium: the subscription is ACTIVE.",
    ]);
  });

  it("has a command that prints a token alone on its line", async () => {
    const { code, stdout, stderr } = await place.run("token", ["--user", "ada", "--role", "admin"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const { data, errors } = await ask(
      place.serviceUrl,
      stdout.trim(),
      '{ subscriptionStatus(userId: "somebody-else") { status } }',
    );
    expect({ data, errors }).toEqual({ data: { subscriptionStatus: null }, errors: undefined });
  });

  it.each([
    [["--user", "ada", "--role", "king"], "--role must be one of user, admin, service"],
    [["--user", "a\nb"], "--user must be an id of 1 to 128 printable characters"],
    [["--user", "ada", "--expires", "soon"], "--expires must be a time such as 30s, 15m, 12h or 7d"],
    [[], "--user is missing"],
  ])("refuses a token for %j in a sentence", async (args, words) => {
    const { code, stdout, stderr } = await place.run("token", args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr.split("\n")[0]).toContain(words);
  });

  it("has a command that tells one learner's story", async () => {
    const { code, stdout, stderr } = await place.run("demo");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/is declined .*\n.*is paid .*\n.*live update arrives .*ACTIVE/);
    expect(stdout).toMatch(/opens\.\n.*payments list 39\.00 USD/);
    expect(stdout).toMatch(
      /it opens at once\.\n.*PURCHASE_COMPLETED\.\n.*\(REFUNDED\), and the masterclass closes\./,
    );
  });

  it("is ready again after a kill -9, with its data, and tells the story again", async () => {
    const { data } = await ask(place.serviceUrl, "", "{ plans { id } }");
    expect(await dev.end("SIGKILL")).toBe("SIGKILL");
    dev = await place.start();
    expect(dev.output()).toMatch(/PostgreSQL was still running .*\n?/);
    expect((await ask(place.serviceUrl, "", "{ plans { id } }")).data).toEqual(data);
    expect((await place.run("demo")).code).toBe(0);
  }, 30_000);

  it("refuses a second one, says that it is this service that runs, and leaves the first alone", async () => {
    const other = await makeDevPlace({ DATA_DIR: place.dataDir });
    for (const second of [await place.run("main"), await other.run("main")])
      expect(second).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(
          /^\n`npm run dev` runs here already, as process \d+: its DATA_DIR is \S+\. Use that one, stop it, .*\n$/s,
        ),
      });
    expect((await ask(place.serviceUrl, "", "{ plans { id } }")).data.plans).toHaveLength(4);
    await other.remove();
  });

  it("shares its database with npm run db:setup", async () => {
    const { code, stdout, stderr } = await place.run("../scripts/setup-database-main", [], {
      NODE_ENV: "development",
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe("no migration was pending\nthe plans are already there\n");
    expect((await ask(place.serviceUrl, "", "{ plans { id } }")).data.plans).toHaveLength(4);
  });

  it("stops everything at a SIGTERM, and says that it does", async () => {
    expect(await dev.end("SIGTERM")).toBe(0);
    expect(dev.output().trim().split("\n").at(-1)).toBe("stopping …");
    await expect(fetch(`${place.serviceUrl}/health`)).rejects.toThrow();
    await expect(fetch(place.sandboxUrl)).rejects.toThrow();
    dev = await place.start();
    expect(dev.output()).not.toContain("still running");
  }, 30_000);
});

describe("npm run dev, when it cannot start", () => {
  it("names all ports that are taken, and the variables that change them", async () => {
    const place = await makeDevPlace();
    const ports = [place.serviceUrl, place.sandboxUrl].map((url) => new URL(url).port);
    const takers = ports.map((port) => createServer().listen(Number(port), "127.0.0.1"));
    const { code, stderr } = await place.run("main");
    expect(code).toBe(1);
    expect(stderr.trim().split("\n")).toEqual([
      `Port ${ports[0]} is taken by another program, but the service needs it: ` +
        "stop that program, or set PORT to a free port.",
      `Port ${ports[1]} is taken by another program, but the Stripe sandbox needs it: ` +
        "stop that program, or set SANDBOX_PORT to a free port.",
    ]);
    for (const taker of takers) taker.close();
    await place.remove();
  });

  it("lets npm run db:setup say in a sentence that the data are in use, or the database away", async () => {
    const place = await makeDevPlace({ NODE_ENV: "development" });
    const release = holdLock(join(await postgresHome(place.dataDir), "lock"), "PostgreSQL");
    expect(await place.run("../scripts/setup-database-main")).toEqual({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^PostgreSQL in \S+ is in use by process \d+: stop that one, .*\n$/),
    });
    release();
    await place.remove();
    const away = await makeDevPlace({ DATABASE_URL: "postgresql://someone:hush@127.0.0.1:1/payments" });
    expect(await away.run("../scripts/setup-database-main")).toEqual({
      code: 1,
      stdout: "",
      stderr: "The database at 127.0.0.1:1 cannot be reached (ECONNREFUSED): is it running?\n",
    });
    await away.remove();
  });

  it("names every fault of the environment at once", async () => {
    const place = await makeDevPlace({ LOG_LEVEL: "loud", GRACE_PERIOD_DAYS: "many", POSTGRES_DB: "only" });
    const { code, stderr } = await place.run("main");
    expect(code).toBe(1);
    for (const name of ["LOG_LEVEL", "GRACE_PERIOD_DAYS", "DATABASE_URL"]) expect(stderr).toContain(name);
    await place.remove();
  });

  it("says to start it when the demo has nothing to talk to", async () => {
    const place = await makeDevPlace();
    const { code, stderr } = await place.run("demo");
    expect(code).toBe(1);
    expect(stderr).toContain("start `npm run dev` first");
    await place.remove();
  });
});
