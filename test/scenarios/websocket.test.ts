import { once } from "node:events";
import { WebSocket } from "ws";
import { recordLogs, watchConsole } from "../support/logs.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";

let service: TestService;
const { logger, lines } = recordLogs();
const console = watchConsole();
beforeAll(async () => {
  service = await startService({ env: { WORKER: "off" }, overrides: { logger } });
});
afterAll(async () => {
  await service.stop();
  console.stop();
});
beforeEach(() => void lines.splice(0));

interface Message {
  id?: string;
  type: string;
  payload?: { message: string; extensions: { code: string } }[];
}

/** A client that sends what no library would. */
async function connect(params: object = {}) {
  const socket = new WebSocket(`${service.url.replace("http", "ws")}/graphql`, "graphql-transport-ws");
  const messages: Message[] = [];
  socket.on("message", (data) => messages.push(JSON.parse(String(data)) as Message));
  await once(socket, "open");
  const send = (message: object) => socket.send(JSON.stringify(message));
  send({ type: "connection_init", payload: params });
  await eventually(
    () => messages.length,
    (count) => count === 1,
  );
  return {
    socket,
    send,
    about: (id: string) =>
      eventually(
        () => messages.filter((message) => message.id === id),
        (found) => found.length > 0,
      ),
  };
}

const LIVE = "subscription { subscriptionStatusChanged { id } }";

describe("a fault in one operation ends that operation alone", () => {
  const deep = (depth: number) =>
    `subscription { subscriptionStatusChanged { ${"user { subscription { ".repeat(depth)}id${" } }".repeat(depth)} } }`;

  test.each<[string, object, string]>([
    ["a syntax error", { query: "subscription { !" }, "GRAPHQL_PARSE_FAILED"],
    ["no document", { query: "" }, "GRAPHQL_PARSE_FAILED"],
    ["an unknown field", { query: "subscription { nothing }" }, "GRAPHQL_VALIDATION_FAILED"],
    ["a document without end", { query: deep(1_300) }, "GRAPHQL_PARSE_FAILED"],
    [
      "an unknown operation",
      { query: `query A { plans { id } } ${LIVE}`, operationName: "B" },
      "OPERATION_RESOLUTION_FAILURE",
    ],
    ["a query", { query: "{ plans { id } }" }, "BAD_USER_INPUT"],
    [
      "a variable that does not fit",
      { query: "subscription ($a: ID) { paymentEvents(after: $a) { id } }", variables: { a: {} } },
      "BAD_USER_INPUT",
    ],
    ["a private field without a token", { query: LIVE }, "UNAUTHENTICATED"],
  ])("%s", async (_name, payload, code) => {
    const { send, about, socket } = await connect();
    send({ id: "1", type: "subscribe", payload });
    const [message] = await about("1");
    const errors = message?.type === "error" ? message.payload : undefined;
    const others = (message?.payload as unknown as { errors?: Message["payload"] })?.errors;
    expect((errors ?? others)?.[0]?.extensions.code).toBe(code);
    expect(socket.readyState).toBe(WebSocket.OPEN);
    send({ id: "2", type: "subscribe", payload: { query: "{ plans { id } }" } });
    expect((await about("2"))[0]?.type).toBe("error");
    socket.close();
    expect(console.printed).toEqual([]);
    expect(lines.filter(({ level }) => level > 30)).toEqual([]);
  });

  test("the others go on", async () => {
    const { send, about, socket } = await connect({ token: await service.token(newUser()) });
    send({ id: "good", type: "subscribe", payload: { query: LIVE } });
    expect((await about("good"))[0]).toMatchObject({ type: "next" });
    send({ id: "bad", type: "subscribe", payload: { query: "subscription { !" } });
    expect((await about("bad"))[0]?.type).toBe("error");
    expect(await about("good")).toHaveLength(1);
    socket.close();
  });
});

test.each<[string, string | Buffer, number]>([
  ["of two megabytes", "x".repeat(2_000_000), 1009],
  ["that is not JSON", "hello", 4400],
  ["of an unknown type", '{"type":"hello"}', 4400],
  ["that is not text", Buffer.from([0xff, 0xfe]), 4400],
])(
  "a message %s closes the connection with the code that says why, and prints nothing",
  async (...[, sent, code]) => {
    const { socket } = await connect();
    const closed = once(socket, "close");
    socket.send(sent);
    expect((await closed)[0]).toBe(code);
    expect(console.printed).toEqual([]);
    expect(lines.filter(({ level }) => level > 30)).toEqual([]);
    if (code === 1009)
      await eventually(
        () => lines.map(({ msg }) => msg),
        (messages) => messages.includes("a live connection was given up"),
      );
  },
);

test("a client that speaks another protocol is refused", async () => {
  const socket = new WebSocket(`${service.url.replace("http", "ws")}/graphql`, "graphql-ws");
  socket.on("error", () => {}); // the server named no protocol
  const code = await new Promise((resolve) => socket.once("close", resolve));
  expect([1006, 4406]).toContain(code);
  expect(console.printed).toEqual([]);
});
