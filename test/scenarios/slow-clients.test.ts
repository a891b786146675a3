import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { WebSocket } from "ws";
import { MOST_LIVE, MOST_SOCKETS } from "../../src/http/held.ts";
import { collect, eventually, newUser, startService, type TestService } from "../support/service.ts";

// Clients that take their time, and clients that take too much.

let service: TestService;
beforeAll(async () => {
  const patience = { headersTimeout: 500, requestTimeout: 800, connectionsCheckingInterval: 100 };
  service = await startService({ env: { WORKER: "off" }, overrides: { patience } });
});
afterAll(() => service.stop());

/** A connection of bytes, and what comes back on it until it is closed. */
async function raw() {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  const received: Buffer[] = [];
  socket.on("data", (data: Buffer) => received.push(data));
  socket.on("error", () => {}); // whoever is let go of may go on writing for a moment
  // a reset is an end as well: who goes on writing may meet one
  const ended = new Promise((resolve) => socket.once("close", resolve));
  await once(socket, "connect");
  return {
    socket,
    ended,
    answer: () => Buffer.concat(received).toString(),
    /** Until these bytes have come. */
    until: (bytes: number[] | string) =>
      eventually(
        () => Buffer.concat(received),
        (all) => all.includes(Buffer.from(bytes as string)),
      ),
  };
}

/** Sends a byte now and then, for as long as somebody listens. */
function trickle(socket: Socket): void {
  const drops = setInterval(() => socket.write("x"), 50);
  socket.once("close", () => clearInterval(drops));
  socket.on("error", () => {}); // it may have been let go of between two drops
}

const HEAD = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
const UPGRADE =
  "GET /graphql HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n" +
  "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n";

test.each([
  ["headers", "POST /graphql HTTP/1.1\r\nx-slow: "],
  ["a body that the fast path waits for", `${HEAD}content-length: 10000\r\n\r\n{`],
  ["a body that Express waits for", `${HEAD}accept: text/event-stream\r\ncontent-length: 10000\r\n\r\n{`],
  ["a body in pieces", `${HEAD}transfer-encoding: chunked\r\n\r\n1\r\n{\r\nfff\r\n`],
  ["a webhook", "POST /webhooks/stripe HTTP/1.1\r\nhost: x\r\ncontent-length: 10000\r\n\r\n{"],
])("who trickles %s is told so, and let go", async (_name, begin) => {
  const { socket, ended, answer } = await raw();
  socket.write(begin);
  trickle(socket);
  await ended;
  expect(answer()).toMatch(/^HTTP\/1\.1 408 /);
});

test("a WebSocket on which nobody says who they are, or half of it, is closed", async () => {
  const silent = new WebSocket(`${service.url.replace("http", "ws")}/graphql`, "graphql-transport-ws");
  const { socket, until } = await raw();
  socket.write(UPGRADE);
  await until("\r\n\r\n");
  // the first bytes of a frame that never comes whole
  socket.write(Buffer.from([0x81, 0xfe, 0x10]));
  trickle(socket);
  expect((await once(silent, "close"))[0]).toBe(4408);
  await until([0x11, 0x38]); // a close frame with the same code
  socket.destroy();
}, 20_000);

test("a frame that says it is too large is refused before it arrives", async () => {
  const { socket, until } = await raw();
  socket.write(UPGRADE);
  await until("\r\n\r\n");
  // masked text of 2 GB, of which nothing follows
  socket.write(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x80, 0, 0, 0, 1, 2, 3, 4]));
  await until([0x88, 0x02, 0x03, 0xf1]); // 1009
  socket.destroy();
});

test("a caller has so many live subscriptions at a time, on all transports and connections together", async () => {
  const token = await service.token(newUser());
  const held = [service.live(token), service.live(token), service.live(token)];
  const [extra, ...full] = held.map((client, at) =>
    Array.from({ length: at === 0 ? 1 : MOST_LIVE / 2 }, () =>
      collect(client, "subscription { accessChanged { id } }"),
    ),
  );
  const answers = () => [...(extra ?? []), ...full.flat()].flatMap(({ results }) => results.slice(0, 1));
  await eventually(answers, (all) => all.length === MOST_LIVE + 1);
  const refused = answers().flatMap(({ errors = [] }) => errors);
  expect(refused).toMatchObject([{ extensions: { code: "RATE_LIMITED", retryable: true } }]);
  const stream = () =>
    fetch(`${service.url}/graphql/stream`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: "subscription { accessChanged { id } }" }),
    });
  expect(await (await stream()).text()).toContain("RATE_LIMITED");
  // somebody else has theirs, and what has ended makes room
  const other = collect(
    service.live(await service.token(newUser())),
    "subscription { accessChanged { id } }",
  );
  await eventually(
    () => other.results.length,
    (count) => count === 1,
  );
  await held[1]?.dispose();
  await eventually(
    async () => {
      const { body } = await stream();
      const reader = body?.getReader();
      let text = "";
      while (!text.includes("data:"))
        text += Buffer.from((await reader?.read())?.value ?? "data:").toString();
      await reader?.cancel();
      return text;
    },
    (text) => text.includes("accessChanged") && !text.includes("RATE_LIMITED"),
  );
});

test("a caller has so many connections at a time, and nobody as many from one address", async () => {
  const open = async (token?: string) => {
    const socket = new WebSocket(`${service.url.replace("http", "ws")}/graphql`, "graphql-transport-ws");
    await once(socket, "open");
    const answered = Promise.race([
      once(socket, "message").then(() => 0),
      once(socket, "close").then(([code]) => code),
    ]);
    socket.send(JSON.stringify({ type: "connection_init", payload: token ? { token } : {} }));
    return { socket, code: (await answered) as number };
  };
  for (const token of [await service.token(newUser()), undefined]) {
    const all = await Promise.all(Array.from({ length: MOST_SOCKETS + 1 }, () => open(token)));
    expect(all.map(({ code }) => code).filter((code) => code !== 0)).toEqual([4429]);
    expect((await open(await service.token(newUser()))).code).toBe(0);
    for (const { socket } of all) socket.close();
    await eventually(
      async () => (await open(token)).code,
      (code) => code === 0,
    );
  }
});
