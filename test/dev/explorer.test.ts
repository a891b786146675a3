import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { buildSchema, graphql } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import helmet from "helmet";
import type { Browser, Page } from "playwright-core";
import { WebSocketServer } from "ws";
import { explorer } from "../../dev/explorer.ts";
import { openBrowser } from "../support/browser.ts";

// What the explorer's operations ask for, as far as they have to be answered here.
const schema = buildSchema(`
  type Query { plans: [Plan!]! subscriptionStatus: Status accessTo(resourceType: Type!, resourceId: ID!): Decision }
  type Subscription { subscriptionStatusChanged: Status }
  enum Type { COURSE }
  type Plan { id: ID! name: String! price: Money monthlyPrice: Money interval: String features: [Feature!] }
  type Money { amount: Int currency: String }
  type Feature { name: String limit: Int }
  type Status { status: String plan: Plan currentPeriodEnd: String grantsAccess: Boolean }
  type Decision { granted: Boolean source: String expiresAt: String }
`);

/** A GraphQL server that carries the explorer as the service does: behind helmet, before the queries. */
async function serve(): Promise<Server> {
  const app = express();
  app.use(helmet());
  app.get("/graphql", explorer("the-token"));
  app.post("/graphql", express.json(), async ({ body, headers }, response) => {
    const rootValue = {
      plans: [],
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
  const elsewhere: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    server = await serve();
    browser = await openBrowser();
    page = await browser.newPage();
    const origin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
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
    await run("MyStatus", "asked-with-the-token");
  });

  it("shows live updates over WebSocket at the same path", async () => {
    await run("MyStatusLive", "live-with-the-token");
  });

  it("loads nothing from elsewhere, and its own policy lets all of it work", () => {
    expect(elsewhere).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
