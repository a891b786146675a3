import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { Redis } from "ioredis";
import { OutboxEvent } from "../../src/entities/outbox-event.ts";
import { EVENT_TYPES } from "../../src/events/event-types.ts";
import { STREAM } from "../../src/events/stream.ts";
import { toGraphQLError } from "../../src/format-error.ts";
import { type Logger, withLogScope } from "../../src/logger.ts";
import { CONFIRM, CREATE_CHECKOUT, checkoutInput, openCheckout } from "../support/checkout.ts";
import { ROOT } from "../support/root.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";

interface Message {
  id: string;
  type: string;
  subject: string;
  time: string;
  data: Record<string, unknown>;
}

const ajv = new Ajv2020({ strict: true, allErrors: true });
addFormats.default(ajv);
const schemaOf = (name: string) =>
  ajv.compile(JSON.parse(readFileSync(join(ROOT, `docs/events/${name}.json`), "utf8")));
const envelope = schemaOf("envelope");
const dataSchemas = new Map(EVENT_TYPES.map((type) => [type as string, schemaOf(type)]));

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

/** The events of a user in the stream, in the order in which they left. */
async function streamOf(userId: string): Promise<Message[]> {
  const redis = new Redis(service.redis.url);
  const entries = await redis.xrange(STREAM, "-", "+");
  redis.disconnect();
  return entries
    .map(([, [, message]]) => JSON.parse(message as string))
    .filter(({ subject }) => subject === userId);
}

test("what leaves the service is what docs/events describes, in the user's order, each fact once", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const { data } = await openCheckout(service, token);
  await service.pay(data.createCheckoutSession.id, "pm_card_visa_chargeDeclined");
  await service.pay(data.createCheckoutSession.id);
  await service.ask(CONFIRM, { id: data.createCheckoutSession.id }, token);
  const messages = await eventually(
    () => streamOf(userId),
    (all) =>
      ["payment.failed", "payment.succeeded"].every((type) => all.some((event) => event.type === type)),
  );
  for (const message of messages) {
    expect([message, envelope(message), envelope.errors]).toEqual([message, true, null]);
    const schema = dataSchemas.get(message.type);
    expect([message, schema?.(message.data), schema?.errors]).toEqual([message, true, null]);
    expect(JSON.stringify(message)).not.toMatch(/"(cus|sub|pi|ch|in|cs|pm|price)_/);
  }
  const types = messages.map(({ type }) => type);
  for (const once of ["subscription.created", "payment.failed", "payment.succeeded"])
    expect([once, types.filter((type) => type === once).length]).toEqual([once, 1]);
  const rows = await service.app.parts.orm.em
    .fork()
    .find(OutboxEvent, { userId }, { orderBy: { sequence: "asc" } });
  const ids = messages.map(({ id }) => id);
  expect(ids).toEqual(rows.slice(0, ids.length).map(({ id }) => id));
  expect(new Set(ids).size).toBe(ids.length);
});

test("everyone who confirms a checkout at the same moment is told what it opened", async () => {
  const alone = await startService({ webhooks: false });
  try {
    const token = await alone.token(newUser());
    const { data } = await openCheckout(alone, token);
    const id = data.createCheckoutSession.id;
    await alone.pay(id);
    const answers = await Promise.all(Array.from({ length: 6 }, () => alone.ask(CONFIRM, { id }, token)));
    for (const answer of answers)
      expect(answer.data.confirmCheckout).toMatchObject({
        isPaid: true,
        subscription: { status: "ACTIVE", grantsAccess: true },
      });
  } finally {
    await alone.stop();
  }
});

describe("a refusal", () => {
  const refused = async (query: string, variables: object, token?: string) =>
    (await service.ask(query, variables, token)).errors?.[0]?.extensions;

  test("of an input names its field, and tells nothing else", async () => {
    const token = await service.token(newUser());
    const input = await checkoutInput(service);
    for (const [wrong, field] of [
      [{ quantity: 0 }, "input.quantity"],
      [{ quantity: 2 }, "input.quantity"],
      [{ planId: "premium" }, "input.planId"],
      [{ successUrl: "" }, "input.successUrl"],
      [{ successUrl: "https://evil.example/" }, "input.successUrl"],
      [{ cancelUrl: "https://learn.example.com/\u0000" }, "input.cancelUrl"],
      [{ idempotencyKey: "" }, "input.idempotencyKey"],
    ])
      expect([
        field,
        await refused(CREATE_CHECKOUT, { input: { ...input, ...(wrong as object) } }, token),
      ]).toEqual([field, { code: "BAD_USER_INPUT", field }]);
  });

  test("never turns into a fault of ours because of characters that cannot be stored", async () => {
    const token = await service.token(newUser());
    const input = await checkoutInput(service);
    expect((await refused(CONFIRM, { id: "cs_test_\u0000" }, token))?.code).toBe("BAD_USER_INPUT");
    expect(
      (await refused(CREATE_CHECKOUT, { input: { ...input, idempotencyKey: "a\u0000" } }, token))?.code,
    ).toBe("BAD_USER_INPUT");
    expect(
      (await service.ask('{ subscription(id: "\\u0000") { id } plan(id: "\\u0000") { id } }', {}, token))
        .data,
    ).toEqual({
      ...{ subscription: null, plan: null },
    });
  });

  test("of an entity's id that cannot be spoils no other entity's answer", async () => {
    const token = await service.token(newUser());
    const query = `query ($list: [_Any!]!) { _entities(representations: $list) {
      ... on Course { id viewerAccess { granted } } } }`;
    const list = ["course-1", "bad\u0000", "course-2"].map((id) => ({ __typename: "Course", id }));
    const { data, errors } = await service.ask(query, { list }, token);
    expect(errors).toBeUndefined();
    expect(data._entities).toEqual([
      { id: "course-1", viewerAccess: { granted: false } },
      null,
      { id: "course-2", viewerAccess: { granted: false } },
    ]);
  });

  test("of an unexpected kind is masked, logged, and names the request to report", () => {
    const lines: object[] = [];
    const logger = { error: (line: object) => void lines.push(line) } as unknown as Logger;
    const fault = new Error("password=hush at 10.0.0.1");
    const error = withLogScope({ requestId: "report-me" }, () => toGraphQLError(fault, logger));
    expect(error.extensions).toEqual({ code: "INTERNAL_SERVER_ERROR", requestId: "report-me" });
    expect(error.message).not.toContain("hush");
    expect(lines).toEqual([{ err: fault }]);
  });

  test.each([
    ["{", "GRAPHQL_PARSE_FAILED", 400],
    ["{ nothing }", "GRAPHQL_VALIDATION_FAILED", 400],
    ["query ($id: ID!) { plan(id: $id) { id } }", "BAD_USER_INPUT", 400],
    ["query A { __typename } query B { __typename }", "OPERATION_RESOLUTION_FAILURE", 400],
    ["", "BAD_REQUEST", 400],
    ["{ subscriptionStatus { id } }", "UNAUTHENTICATED", 200],
  ])("of %j is %s with HTTP status %d and the request's id", async (query, code, status) => {
    const response = await fetch(`${service.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-request-id": "report-me" },
      body: JSON.stringify({ query }),
    });
    const { errors } = (await response.json()) as {
      errors: { extensions: { code: string; stacktrace?: string } }[];
    };
    expect([response.status, errors[0]?.extensions.code]).toEqual([status, code]);
    expect(errors[0]?.extensions.stacktrace).toBeUndefined();
    expect(response.headers.get("x-request-id")).toBe("report-me");
  });

  test.each([
    ["a cross-site simple request", { "content-type": "text/plain" }, "{}", 400],
    ["a body that is no JSON", { "content-type": "application/json" }, "{", 400],
    ["a body of more than 256 kB", { "content-type": "application/json" }, `"${"x".repeat(262_200)}"`, 413],
  ])("of %s comes before GraphQL", async (_name, headers, body, status) => {
    expect((await fetch(`${service.url}/graphql`, { method: "POST", headers, body })).status).toBe(status);
  });
});
