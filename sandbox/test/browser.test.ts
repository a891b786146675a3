import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { jest } from "@jest/globals";
import { type Browser, chromium, type Page } from "playwright-core";
import { order, type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(60_000);

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  existsSync,
);
const QUIET = [
  "--no-sandbox", // the suite may run as root
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
if (!CHROMIUM) process.stdout.write("skipped: there is no Chromium to open the sandbox's pages in\n");
const suite = CHROMIUM ? describe : describe.skip;

/** What forms over HTTP cannot tell: the content security policy, the keyboard, and small screens. */
suite("in a browser without scripts", () => {
  let box: TestSandbox;
  let browser: Browser;
  let shop: Server;
  let origin: string;
  beforeAll(async () => {
    box = await testSandbox();
    shop = createServer((request, response) => response.end(`The shop at ${request.url}`));
    await new Promise<void>((resolve) => shop.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;
    browser = await chromium.launch({ executablePath: CHROMIUM!, args: QUIET });
  });
  afterAll(async () => {
    await browser?.close();
    shop.closeAllConnections();
    shop.close();
    await box.close();
  });

  const visit = async (url: string, width = 1100): Promise<Page> => {
    const viewport = { width, height: 760 };
    const context = await browser.newContext({ javaScriptEnabled: false, viewport });
    const page = await context.newPage();
    await page.goto(url);
    return page;
  };
  const ordered = () => order(box.stripe, { success_url: `${origin}/done`, cancel_url: `${origin}/back` });
  const type = async (page: Page, words: string[]) => {
    for (const word of words) {
      await page.keyboard.type(word);
      await page.keyboard.press("Tab");
    }
  };

  test("a card is declined, corrected and paid by keyboard alone, on a phone", async () => {
    const { session } = await ordered();
    const page = await visit(session.url!, 360);
    await page.focus("#card-number");
    await type(page, ["4000000000009995", "1234", "123", "Ada"]);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#error");
    // The field that is wrong has the focus already.
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type("4242424242424242");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${origin}/done`);
    await page.context().close();
  });

  test("3-D Secure leads on to the shop", async () => {
    const { session } = await ordered();
    const page = await visit(session.url!);
    await page.fill("#card-number", "4000002760003184");
    await page.fill("#card-expiry", "12 / 34");
    await page.fill("#card-cvc", "123");
    await page.click("#pay");
    await page.click("#authenticate-complete");
    await page.waitForURL(`${origin}/done`);
    await page.context().close();
  });

  test("a flow of the portal leads on to the shop", async () => {
    await box.stripe.billingPortal.configurations.create({
      features: { payment_method_update: { enabled: true }, invoice_history: { enabled: true } },
    });
    const { id } = await box.stripe.customers.create({ email: "ada@example.com" });
    const { url } = await box.stripe.billingPortal.sessions.create({
      customer: id,
      flow_data: {
        type: "payment_method_update",
        after_completion: { type: "redirect", redirect: { return_url: `${origin}/thanks` } },
      },
    });
    const page = await visit(url, 360);
    await page.fill("#card-number", "4000002500003155");
    await page.fill("#card-expiry", "12 / 34");
    await page.fill("#card-cvc", "123");
    await page.click("#save-method");
    await page.click("#authenticate-complete");
    await page.waitForURL(`${origin}/thanks`);
    await page.context().close();
  });

  test("pages ask nobody else for anything, and are never wider than the screen", async () => {
    const { session } = await ordered();
    const context = await browser.newContext({ viewport: { width: 320, height: 640 } });
    const page = await context.newPage();
    const asked = new Set<string>();
    page.on("request", (request) => void asked.add(new URL(request.url()).origin));
    await page.goto(session.url!, { waitUntil: "networkidle" });
    expect([...asked]).toEqual([box.url]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(320);
    await context.close();
  });
});
