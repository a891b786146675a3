import { LIMITS } from "../../src/limits.ts";
import { recordLogs } from "../support/logs.ts";
import { newUser, startService, type TestService } from "../support/service.ts";
import { type Operation, TRANSPORTS } from "../support/transports.ts";

let service: TestService;
let token: string;
const { logger, lines } = recordLogs();
beforeAll(async () => {
  service = await startService({ overrides: { logger } });
  token = await service.token(newUser());
});
afterAll(() => service.stop());
beforeEach(() => void lines.splice(0));

/** The field that leads to a subscription, on each kind of operation. */
const ROOT = { query: 'subscription(id: "x")', subscription: "subscriptionStatusChanged" };

/** A document of so many levels. */
function nested(operation: Operation, depth: number): string {
  const levels = Array.from({ length: depth - 2 }, (_, at) => (at % 2 ? "subscription {" : "user {"));
  return `${operation} { ${ROOT[operation]} { ${levels.join(" ")} id ${"}".repeat(levels.length)} } }`;
}

/** The same through fragments, each of which is flat. */
function unfolded(operation: Operation, depth: number): string {
  const fragments = Array.from(
    { length: depth - 2 },
    (_, at) =>
      `fragment F${at} on ${at % 2 ? "User" : "UserSubscription"} { ${at % 2 ? "subscription" : "user"} { ${
        at === depth - 3 ? "id" : `...F${at + 1}`
      } } }`,
  );
  return `${operation} { ${ROOT[operation]} { ...F0 } } ${fragments.join(" ")}`;
}

describe.each(Object.entries(TRANSPORTS))("over %s", (_name, { operation, first }) => {
  test.each([
    [200, nested],
    [100, unfolded],
  ])("a document of depth %p is refused (%p)", async (depth, write) => {
    const { data, errors } = await first(service, write(operation, depth), token);
    expect(data).toBeUndefined();
    expect(errors).toEqual([
      expect.objectContaining({
        message: "This document is nested deeper than 15 levels.",
        extensions: { code: "GRAPHQL_VALIDATION_FAILED" },
      }),
    ]);
  });

  test.each([nested, unfolded])(
    "%p: the deepest that is allowed is answered, one more is not",
    async (write) => {
      expect((await first(service, write(operation, LIMITS.depth), token)).errors).toBeUndefined();
      expect((await first(service, write(operation, LIMITS.depth + 1), token)).errors).toHaveLength(1);
    },
  );

  test("a field asked under more names than allowed is refused", async () => {
    const again = Array.from({ length: LIMITS.aliases + 1 }, (_, at) => `f${at}: id`).join(" ");
    const { errors } = await first(service, `${operation} { ${ROOT[operation]} { ${again} } }`, token);
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(["GRAPHQL_VALIDATION_FAILED"]);
  });

  test("a document that is too long is not read to its end", async () => {
    const long = `${operation} { ${ROOT[operation]} { ${"id ".repeat(LIMITS.tokens)} } }`;
    const { errors } = await first(service, long, token);
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(["GRAPHQL_PARSE_FAILED"]);
  });

  test("a field that the caller may not have is refused", async () => {
    const fields = { query: "payments", subscription: "paymentEvents" };
    const selection = { query: "{ totalCount }", subscription: "{ id }" }[operation];
    const document = `${operation} { ${fields[operation]}(userId: "somebody-else") ${selection} }`;
    const other = await first(service, document, token);
    expect(other.errors).toMatchObject([
      { message: "This belongs to another user.", extensions: { code: "FORBIDDEN" } },
    ]);
    expect((await first(service, document)).errors).toMatchObject([
      { message: "Sign in first: this needs a valid token.", extensions: { code: "UNAUTHENTICATED" } },
    ]);
  });

  test("a resolver that throws is masked, and logged in full under the id that is told", async () => {
    const execute = (sql: string) => service.app.parts.orm.em.fork().execute(sql);
    await execute("alter table subscriptions rename to subscriptions_away");
    try {
      const root = { query: "subscriptionStatus", subscription: "subscriptionStatusChanged" }[operation];
      const { errors } = await first(service, `${operation} { ${root} { id } }`, token);
      expect(errors).toMatchObject([
        {
          message: "Something went wrong on our side. Name the request id when you report it.",
          extensions: { code: "INTERNAL_SERVER_ERROR", requestId: expect.any(String) },
        },
      ]);
      const requestId = (errors?.[0]?.extensions as { requestId?: string } | undefined)?.requestId;
      expect(lines.find((line) => line.requestId === requestId)?.err).toMatchObject({
        message: expect.stringContaining('"subscriptions" does not exist'),
      });
    } finally {
      await execute("alter table subscriptions_away rename to subscriptions");
    }
  });
});

test("what development tools ask of a schema is within the limits", async () => {
  const { getIntrospectionQuery } = await import("graphql");
  const { errors } = await service.ask(getIntrospectionQuery({ inputValueDeprecation: true, oneOf: false }));
  expect(errors).toBeUndefined();
});
