import { createHash } from "node:crypto";
import http from "node:http";
import { DAY_SECONDS } from "../clock.ts";
import { eventually } from "./support/eventually.ts";
import { Receiver } from "./support/receiver.ts";
import { closeLeftovers, order, type TestSandbox, testSandbox } from "./support/sandbox.ts";

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close().finally(closeLeftovers));

async function look(path: string): Promise<{ status: number; text: string; headers: Headers }> {
  const response = await fetch(`${box.url}${path}`);
  return { status: response.status, text: await response.text(), headers: response.headers };
}

/** Presses a button: the form is sent as a browser would from the sandbox's own page. */
async function press(name: string, fields: Record<string, string>) {
  const response = await fetch(`${box.url}/sandbox/do/${name}`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: box.url },
    body: new URLSearchParams(fields),
  });
  return {
    status: response.status,
    location: response.headers.get("location"),
    text: await response.text(),
  };
}

const buy = async (card = "pm_card_visa") => {
  const placed = await order(box.stripe);
  await box.complete(placed.session.id, card);
  return placed;
};

const seconds = () => Math.floor(box.sandbox.now().getTime() / 1000);

describe("the page", () => {
  test("shows the time, what is due next, endpoints and the latest events", async () => {
    await box.stripe.webhookEndpoints.create({ url: "http://127.0.0.1:9/hook", enabled_events: ["*"] });
    await buy();
    await box.advance({ days: 1 });
    const { status, text } = await look("/sandbox");
    expect(status).toBe(200);
    expect(text).toContain("1 d ahead of the real time");
    expect(text).toContain("a subscription renews");
    expect(text).toContain("http://127.0.0.1:9/hook");
    expect(text).toContain("checkout.session.completed");
    expect(text).toContain("None is on.");
  });

  test("loads nothing from elsewhere and runs no script", async () => {
    const { text, headers } = await look("/sandbox");
    const style = /<style>([\s\S]*?)<\/style>/.exec(text)![1]!;
    const hash = createHash("sha256").update(style).digest("base64");
    expect(headers.get("content-security-policy")).toContain(`style-src 'sha256-${hash}'`);
    expect(headers.get("content-security-policy")).toMatch(/^default-src 'none'; /);
    expect(text).not.toMatch(/<script|(?:src|href)="(?:https?:)?\/\//);
  });

  test.each(["customers", "subscriptions", "invoices", "payments", "events", "requests", "all"])(
    "has a tab %s, empty at first",
    async (name) => {
      const { status, text } = await look(`/sandbox/view/${name}`);
      expect(status).toBe(200);
      expect(text).toContain('aria-current="page"');
      expect(text).toMatch(/There are none|No such event|Nobody has asked|There is nothing yet/);
    },
  );

  test("shows what there is, with status, amount and whose it is", async () => {
    const { customer } = await buy();
    const { text } = await look("/sandbox/view/invoices");
    expect(text).toContain("$39.00");
    expect(text).toMatch(/class="tag good">paid</);
    expect(text).toContain(`<a href="/sandbox/object/${customer.id}" title="${customer.id}">Ada</a>`);
    expect((await look("/sandbox/view/all")).text).toContain("/sandbox/view/payment_method");
    expect((await look("/sandbox/view/payment_method")).text).toMatch(/>pm_\w+</);
    expect((await look("/sandbox/view/nothing")).status).toBe(404);
  });

  test("escapes whatever others have named things", async () => {
    const { id } = await box.stripe.customers.create({ name: "<script>alert(1)</script>" });
    for (const path of ["/sandbox/view/customers", `/sandbox/object/${id}`, "/sandbox/view/requests"]) {
      const { text } = await look(path);
      expect(text).toContain("&lt;script&gt;");
      expect(text).not.toContain("<script>");
    }
    expect((await look("/sandbox/object/%3Cscript%3E")).text).not.toContain("<script>");
  });
});

describe("lists", () => {
  test("are narrowed down by customer and by status", async () => {
    const paid = await buy();
    const declined = await buy("pm_card_chargeDeclined");
    const idsIn = async (path: string) =>
      [...(await look(path)).text.matchAll(/<code>(sub_\w+)<\/code>/g)].map(([, id]) => id);
    const all = await idsIn("/sandbox/view/subscriptions");
    expect(all).toHaveLength(2);
    expect(await idsIn(`/sandbox/view/subscriptions?customer=${paid.customer.id}&status=`)).toEqual([all[1]]);
    expect(await idsIn("/sandbox/view/subscriptions?status=incomplete")).toEqual([all[0]]);
    expect(await idsIn(`/sandbox/view/subscriptions?customer=${declined.customer.id}&status=active`)).toEqual(
      [],
    );
  });

  test("find customers by id, name or email", async () => {
    await box.stripe.customers.create({ name: "Ada Lovelace" });
    const { id } = await box.stripe.customers.create({ email: "alan@example.com" });
    const { text } = await look("/sandbox/view/customers?customer=ALAN");
    expect(text).toContain(id);
    expect(text).not.toContain("Lovelace");
  });

  test("have pages, there and back", async () => {
    const names = Array.from({ length: 60 }, (_, at) => `Customer-${at}.`);
    for (const name of names) await box.stripe.customers.create({ name });
    const walk = async (path: string, rel: "next" | "prev"): Promise<string[][]> => {
      const { text } = await look(path);
      const shown = [...text.matchAll(/Customer-\d+\./g)].map(([name]) => name);
      const link = new RegExp(`href="([^"]+)" rel="${rel}"`).exec(text)?.[1]?.replaceAll("&amp;", "&");
      const last = /href="([^"]+)" rel="prev"/.exec(text)?.[1]?.replaceAll("&amp;", "&");
      if (link) return [shown, ...(await walk(link, rel))];
      return rel === "next" && last ? [shown, ...(await walk(last, "prev"))] : [shown];
    };
    const pages = await walk("/sandbox/view/customers?customer=customer", "next");
    expect(pages.map((page) => page.length)).toEqual([25, 25, 10, 25, 25]);
    expect(pages.slice(0, 3).flat()).toEqual(names.toReversed());
    expect(pages.slice(3)).toEqual([pages[1], pages[0]]);
  });
});

describe("an object", () => {
  test("is shown as JSON that links to others, with the events about it", async () => {
    const { customer, session } = await buy();
    const { text } = await look(`/sandbox/object/${session.id}`);
    expect(text).toContain("&quot;object&quot;: &quot;checkout.session&quot;");
    expect(text).toContain(
      `&quot;customer&quot;: "<a href="/sandbox/object/${customer.id}"><code>${customer.id}</code></a>"`,
    );
    expect(text).toContain("checkout.session.completed");
    expect((await look(`/sandbox/object?id=${session.id}`)).text).toContain("checkout.session.completed");
    const gone = await look("/sandbox/object/cus_none");
    expect([gone.status, gone.text.includes("There is no such object")]).toEqual([404, true]);
  });

  test("that is an event shows each delivery with its attempts and answers", async () => {
    const receiver = await Receiver.start();
    receiver.answer = (n) => (n === 0 ? 503 : 200);
    await box.stripe.webhookEndpoints.create({ url: receiver.url, enabled_events: ["customer.created"] });
    await box.stripe.customers.create();
    const [event] = await box.events();
    const { text } = await eventually(
      () => look(`/sandbox/object/${event!.id}`),
      ({ text }) => text.includes(">delivered<"),
    );
    expect(text).toContain(receiver.url);
    expect(text.indexOf(">503<")).toBeLessThan(text.indexOf(">200<"));
    expect(text).toContain("<code>noted</code>");
    receiver.close();
  });
});

describe("the buttons", () => {
  test.each([
    [{ step: "1 hour" }, 3600],
    [{ count: "3", unit: "day" }, 3 * DAY_SECONDS],
    [{ count: "2", unit: "week" }, 14 * DAY_SECONDS],
  ])("move the sandbox's time by %j", async (fields, by) => {
    const before = seconds();
    expect(await press("advance", fields)).toMatchObject({ status: 303, location: "/sandbox" });
    expect(seconds() - before - by).toBeLessThanOrEqual(5);
    expect(seconds() - before).toBeGreaterThanOrEqual(by);
  });

  test("move it by a month of the calendar, and subscriptions renew", async () => {
    await buy();
    await press("advance", { step: "1 month" });
    await press("advance", { step: "1 day" });
    expect((await box.stripe.invoices.list()).data).toHaveLength(2);
  });

  test("move one test clock alone", async () => {
    const { id } = await box.stripe.testHelpers.testClocks.create({
      frozen_time: 1_767_225_600,
      name: "Own",
    });
    expect((await look("/sandbox")).text).toContain("Test clock Own");
    await press("advance", { clock: id, step: "1 month" });
    expect(await box.stripe.testHelpers.testClocks.retrieve(id)).toMatchObject({
      frozen_time: 1_769_904_000,
      status: "ready",
    });
    expect(seconds() - Date.now() / 1000).toBeLessThan(5);
    const far = await press("advance", { clock: id, count: "99", unit: "month" });
    expect([far.status, far.text.includes("at most two intervals")]).toEqual([400, true]);
  });

  test.each([
    [{ count: "0", unit: "day" }],
    [{ count: "-1", unit: "day" }],
    [{ count: "1.5", unit: "day" }],
    [{ count: "10000", unit: "day" }],
    [{ count: "1", unit: "century" }],
    [{}],
  ])("refuse %j in words, and nothing moves", async (fields) => {
    const { status, text } = await press("advance", fields as Record<string, string>);
    expect([status, text.includes("That did not work")]).toEqual([400, true]);
    expect(seconds() - Date.now() / 1000).toBeLessThan(5);
  });

  test("send an event once more, and go back to where they were pressed", async () => {
    const receiver = await Receiver.start();
    await box.stripe.webhookEndpoints.create({ url: receiver.url, enabled_events: ["customer.created"] });
    await box.stripe.customers.create();
    await receiver.count(1);
    const [event] = await box.events();
    const back = "/sandbox/view/events?type=customer.*";
    expect(await press("resend", { event: event!.id, back })).toMatchObject({ status: 303, location: back });
    await receiver.count(2);
    const away = await press("resend", { event: event!.id, back: "https://evil.test/" });
    expect(away.location).toBe("/sandbox");
    expect((await press("resend", { event: "evt_none" })).status).toBe(404);
    receiver.close();
  });

  test("end all faults", async () => {
    await box.control("/faults", { calls: [{ method: "*", path: "/v1/none", status: 500 }] });
    expect((await look("/sandbox")).text).toContain("/v1/none");
    await press("reset-faults", {});
    expect((await look("/sandbox")).text).toContain("None is on.");
    expect((await press("explode", {})).status).toBe(404);
  });
});

describe("nobody else", () => {
  const ask = (method: string, path: string, headers: Record<string, string>) =>
    new Promise<number>((resolve, reject) => {
      const request = http.request(
        { port: box.sandbox.port, host: "127.0.0.1", method, path, headers },
        (response) => {
          response.resume();
          resolve(response.statusCode!);
        },
      );
      request.on("error", reject);
      request.end(method === "POST" ? "step=1 day" : undefined);
    });

  test("reads it or presses its buttons: foreign names and origins are refused", async () => {
    expect(await ask("GET", "/sandbox", { host: "evil.test" })).toBe(403);
    expect(await ask("GET", "/sandbox/view/events", { host: "evil.test" })).toBe(403);
    expect(await ask("POST", "/sandbox/do/advance", { origin: "http://evil.test" })).toBe(403);
    expect(await ask("POST", "/sandbox/do/advance", { origin: "null" })).toBe(403);
    expect(seconds() - Date.now() / 1000).toBeLessThan(5);
  });
});
