import {
  type GraphQLInputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isRequiredInputField,
} from "graphql";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { deliver, eventOf } from "../support/webhook.ts";

// Text that PostgreSQL cannot hold is the client's fault, in every argument of every field, and never ours.
let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

const BAD = ["a\0b", "half a \ud83d"];

/** Something that fits a type; `bad` in the one text that is at `path`. */
function fitting(type: GraphQLInputType, path: string[], bad: string, at: string[] = []): unknown {
  if (isNonNullType(type)) return fitting(type.ofType, path, bad, at);
  if (isListType(type)) return [fitting(type.ofType, path, bad, at)];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type))
    return Object.fromEntries(
      Object.values(type.getFields())
        .filter((field) => isRequiredInputField(field) || path[at.length] === field.name)
        .map((field) => [field.name, fitting(field.type, path, bad, [...at, field.name])]),
    );
  const isHere = at.join(".") === path.join(".");
  if (type.name === "ID" || type.name === "String")
    return isHere ? bad : "01890000-0000-7000-8000-000000000000";
  if (type.name === "Boolean") return true;
  if (type.name === "DateTime") return "2031-01-01T00:00:00Z";
  return type.name === "Currency" ? "USD" : 1;
}

/** The paths of all texts in a type. */
function textsOf(type: GraphQLInputType, at: string[] = []): string[][] {
  if (isNonNullType(type) || isListType(type)) return textsOf(type.ofType, at);
  if (isInputObjectType(type))
    return Object.values(type.getFields()).flatMap((field) => textsOf(field.type, [...at, field.name]));
  return type.toString() === "ID" || type.toString() === "String" ? [at] : [];
}

test("every text of every query and mutation", async () => {
  const token = await service.token(newUser(), "admin");
  const { schema } = service.app.parts;
  const faults: string[] = [];
  let asked = 0;
  for (const [operation, root] of [
    ["query", schema.getQueryType()],
    ["mutation", schema.getMutationType()],
  ] as const)
    for (const field of Object.values(root?.getFields() ?? {}).filter(({ name }) => !name.startsWith("_")))
      for (const arg of field.args)
        for (const path of textsOf(arg.type, [arg.name]))
          for (const bad of BAD) {
            const given = field.args.filter((one) => one === arg || isNonNullType(one.type));
            const variables = Object.fromEntries(
              given.map((one) => [one.name, fitting(one.type, path, bad, [one.name])]),
            );
            const declared = given.map((one) => `$${one.name}: ${one.type}`).join(", ");
            const used = given.map((one) => `${one.name}: $${one.name}`).join(", ");
            const query = `${operation} (${declared}) { ${field.name}(${used})${isLeafType(getNamedType(field.type)) ? "" : " { __typename }"} }`;
            const { errors } = await service.ask(query, variables, token);
            const { code, field: named } = errors?.[0]?.extensions ?? {};
            asked += 1;
            if (code !== "BAD_USER_INPUT" || !named)
              faults.push(`${field.name}(${path.join(".")}): ${code} ${named} ${errors?.[0]?.message}`);
          }
  expect(faults).toEqual([]);
  expect(asked).toBeGreaterThan(60);
});

test("numbers and escapes that PostgreSQL reads otherwise do not keep an event from being stored", async () => {
  const event = eventOf("account.updated", { id: "acct_1", amount: 1, status: "caf\u00e9" });
  const body = JSON.stringify(event).replace('"amount":1', '"amount":1e400').replace("é", "\\u00e9");
  expect((await deliver(service, body)).status).toBe(200);
  const [row] = await execute<{ status: string; amount: unknown }>(
    "select payload #>> '{data,object,status}' as status, payload #> '{data,object,amount}' as amount from stripe_events where id = ?",
    [event.id],
  );
  expect(row).toEqual({ status: "café", amount: null });
});

test("what PostgreSQL cannot keep in a text is stored as what stands for it, and worked on", async () => {
  const event = eventOf(
    "customer.updated",
    {},
    {
      api_version: "\u0000",
      data: {
        object: { id: "cus_nul\u0000", status: "a\u0000b", mode: "\ud800", type: "😀" },
        previous_attributes: { "key\u0000": 1 },
      },
    },
  );
  expect((await deliver(service, JSON.stringify(event))).status).toBe(200);
  await eventually(
    () => execute<{ status: string }>("select status from stripe_events where id = ?", [event.id]),
    ([row]) => row?.status === "ignored", // Stripe has no such customer
  );
  const [kept] = await execute<{ payload: { data: object } }>(
    "select payload from stripe_events where id = ?",
    [event.id],
  );
  expect(kept?.payload.data).toEqual({
    object: { id: "cus_nul␀", status: "a␀b", mode: "\ufffd", type: "😀" },
    previous_attributes: { "key␀": null },
  });
});
