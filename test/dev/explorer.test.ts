import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { buildSchema, graphql } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import helmet from "helmet";
import type { Browser, Page } from "playwright-core";
import { WebSocketServer } from "ws";
import { explorer } from "../../dev/explorer.ts";
import { isOwnHost, ownHostOnly } from "../../dev/own-host.ts";
import { openBrowser } from "../support/browser.ts";

// What the explorer's operations ask for, as far as they have to be answered here.
const schema = buildSchema(`
  type Mutation { createCheckoutSession(input: Checkout!): Session }
  input Checkout { planId: ID! successUrl: String! cancelUrl: String! }
  type Session { url: String }
  type Query { plans: [Plan!]! subscriptionStatus: Status accessTo(resourceType: Type!, resourceId: ID!): Decision }
  type Subscription { subscriptionStatusChanged: Status }
  enum Type { COURSE }
  type Plan { id: ID! name: String! price: Money monthlyPrice: Money interval: String features: [Feature!] }
  type Money { amount: Int currency: String }
  type Feature { name: String limit: Int }
  type Status { status: String plan: Plan currentPeriodEnd: String grantsAccess: Boolean }
  type Decision { granted: Boolean source: String expiresAt: String }
`);

/** The last checkout that was asked for. */
let asked: object | undefined;

/** A GraphQL server that carries the explorer as the service does: behind helmet, before the queries. */
async function serve(newToken: () => Promise<string>): Promise<Server> {
  const app = express();
  app.use(helmet());
  app.get("/graphql", ownHostOnly("127.0.0.1"), (request, response, next) => {
    const serviceUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return explorer({ serviceUrl, newToken })(request, response, next);
  });
  app.post("/graphql", express.json(), async ({ body, headers }, response) => {
    const rootValue = {
      plans: [{ id: "the-premium-plan", name: "Premium" }],
      createCheckoutSession: ({ input }: { input: object }) => {
        asked = { ...input };
        return { url: "the-page" };
      },
      subscriptionStatus: { status: `asked-with-${headers.authorization?.split(" ")[1]}` },
    };
    response.json(
      await graphql({ schema, source: body.query, operationName: body.operationName, rootValue }),
    );
  });
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const subscription = {
    async *subscriptionStatusChanged(_: unknown, params: { token?: string }) {
      yield { subscriptionStatusChanged: { status: `live-with-${params.token}` } };
    },
  };
  useServer(
    { schema, roots: { subscription }, context: ({ connectionParams }) => connectionParams },
    new WebSocketServer({ server, path: "/graphql" }),
  );
  return server;
}

describe("the explorer", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  let tokens = 0;
  let origin: string;
  const elsewhere: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    server = await serve(async () => `token-${++tokens}`);
    browser = await openBrowser();
    page = await browser.newPage();
    origin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    page.on("request", (request) => {
      const { protocol, host } = new URL(request.url());
      if (!["data:", "blob:"].includes(protocol) && host !== origin) elsewhere.push(request.url());
    });
    page.on("console", (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) complaints.push(message.text());
    });
    await page.goto(`http://${origin}/graphql`);
  }, 30_000);
  afterAll(async () => {
    await browser.close();
    server.closeAllConnections();
    server.close();
  });

  /** Runs one of the operations that the explorer opens with and waits for words in the answer. */
  async function run(operation: string, words: string): Promise<void> {
    await page.locator(".graphiql-execute-button").click();
    await page.getByRole("menuitem", { name: operation, exact: true }).click();
    await page.locator(".graphiql-response", { hasText: words }).waitFor({ timeout: 10_000 });
  }

  it("asks with the ready token", async () => {
    await run("MyStatus", "asked-with-token-1");
  });

  it("shows live updates over WebSocket at the same path", async () => {
    await run("MyStatusLive", "live-with-token-1");
  });

  it("has an example that opens a checkout of a plan that is there, and comes back to a page of ours", async () => {
    await run("StartCheckout", "the-page");
    expect(asked).toEqual({
      planId: "the-premium-plan",
      successUrl: `http://${origin}/graphql?session_id={CHECKOUT_SESSION_ID}`,
      cancelUrl: `http://${origin}/graphql`,
    });
  });

  it.each(["a reload", "a second visit", "a third one"])(
    "is as new after %s: the examples, and a token of now",
    async (how) => {
      // what a person has written and opened by then
      await page.getByRole("button", { name: /new tab/i }).click();
      await page.waitForTimeout(1_000); // GraphiQL writes its tabs down half a second later
      await (how === "a reload" ? page.reload() : page.goto(`http://${origin}/graphql`));
      await run("MyStatus", `asked-with-token-${tokens}`);
      await run("MyStatusLive", `live-with-token-${tokens}`);
      expect(await page.getByRole("tab").allInnerTexts()).toHaveLength(1);
    },
  );

  it("gives its token to no page that has a name made to point here", async () => {
    const ask = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const { port } = server.address() as AddressInfo;
        request({ port, host: "127.0.0.1", path: "/graphql", headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on("error", reject)
          .end();
      });
    const hosts = ["evil.example", `evil.example:${origin.split(":")[1]}`, "127.0.0.1.evil.example"];
    for (const host of hosts) expect([host, await ask(host)]).toEqual([host, 403]);
    for (const host of ["localhost:3004", "127.0.0.1", "[::1]:3004", "192.168.1.5"])
      expect([host, await ask(host)]).toEqual([host, 200]);
    expect(["", undefined, "a b", "own.example"].map((host) => isOwnHost(host, "own.example"))).toEqual([
      ...[false, false, false, true],
    ]);
  });

  it("loads nothing from elsewhere, and its own policy lets all of it work", () => {
    expect(elsewhere).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
