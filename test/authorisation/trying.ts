import { isObjectType } from "graphql";
import type { Answer } from "../support/service.ts";
import { first, type LiveTransport, liveTransports } from "../support/transports.ts";
import { type Asked, operationOf, selectionOf } from "./documents.ts";
import { FIELDS } from "./fields.ts";
import { CALLERS, type CallerName, type Except, outcomeIn, type Row, type Table } from "./outcomes.ts";
import { type Operation, outcomesOf, takesAlong, type Way, WHOLE, wayOf } from "./ways.ts";
import type { World } from "./world.ts";

/** What carries an operation to the service: all that it says until there is no more, or what was asked for is there. */
export type Transport = (world: World, asked: Asked, caller: CallerName) => Promise<Answer[]>;

/** A way with its row. */
export interface Line {
  text: string;
  row: Row;
  except: Except;
  /** Whether each caller asks for their own: the other user is an owner then. */
  isOwn: boolean;
  /** Only the way is tried: its end is tried elsewhere, or is not the owner's. */
  isShallow?: boolean;
}

export const linesOf = (table: Table, isOwn = false): Line[] =>
  Object.entries(table).map(([text, entry]) => {
    const [row, except] = typeof entry === "string" ? [entry, {}] : entry;
    return { text, row, except, isOwn };
  });

/** The words that a caller is to find. */
export function expectedOf({ row, except, isOwn, isShallow }: Line, way: Way, caller: CallerName) {
  const whole = outcomeIn(row, caller);
  const expected: Record<string, string> = { [WHOLE]: whole };
  if (whole !== "ok" || isShallow) return expected;
  const as = isOwn && caller === "other" ? "owner" : caller;
  for (const [field, usual] of Object.entries(FIELDS[way.type.name] ?? {}))
    expected[field] = outcomeIn(except[field] ?? usual, as);
  return expected;
}

const isRefusal = (word = "") => /^[A-Z]/.test(word);

/** What a caller finds, and all that they were told. */
export async function tried(
  world: World,
  [operation, line]: [Operation, Line],
  caller: CallerName,
  transport: Transport,
): Promise<{ outcomes: Record<string, string>; told: string }> {
  const { schema } = world.service.app.parts;
  const way = wayOf(schema, operation, line.text);
  const { type } = way;
  const fields = line.isShallow || !isObjectType(type) ? [] : Object.keys(type.getFields());
  const expected = expectedOf(line, way, caller);
  const alone = fields.filter(
    (name) => isRefusal(expected[name]) && isObjectType(type) && takesAlong(type, name),
  );
  const together = fields.filter((name) => !alone.includes(name));
  // nobody asks for what another has just changed
  const own = { me: JSON.stringify(world.ids[caller]), seats: String(CALLERS.indexOf(caller) + 1) };
  const values = { ...world.values, ...own };
  const answers: Answer[] = [];
  for (const wanted of [together, ...alone.map((name) => [name])]) {
    const asked = operationOf(schema, way, selectionOf(type, wanted), values);
    answers.push(...(await transport(world, asked, caller)));
  }
  return { outcomes: outcomesOf(way, fields, answers), told: JSON.stringify(answers) };
}

/** Tries a line for every caller. */
export async function attempt(world: World, [operation, line]: [Operation, Line], transport: Transport) {
  const way = wayOf(world.service.app.parts.schema, operation, line.text);
  const found: Record<string, object> = {};
  const expected: Record<string, object> = {};
  const leaks: string[] = [];
  await Promise.all(
    CALLERS.map(async (caller) => {
      const { outcomes, told } = await tried(world, [operation, line], caller, transport);
      found[caller] = outcomes;
      expected[caller] = expectedOf(line, way, caller);
      if (isStranger(caller)) leaks.push(...world.private.filter((secret) => told.includes(secret)));
    }),
  );
  return { found, expected, leaks };
}

/** Whether a caller may never be told anything of the owner's. */
export const isStranger = (caller: CallerName) => !["owner", "admin", "service"].includes(caller);

/** By the long way, through Express and Apollo Server: a query in the address keeps it from any other. */
export const overHttp: Transport = (world, asked, caller) => post(world, "?long", asked, [caller, true]);
/** In front of those, where a query is answered that came by the long way before. */
export const inFront: Transport = (world, asked, caller) => post(world, "", asked, [caller, false]);

async function post(
  { service, tokens }: World,
  where: string,
  asked: Asked,
  [caller, byExpress]: [CallerName, boolean],
): Promise<Answer[]> {
  const token = tokens[caller];
  const response = await fetch(`${service.url}/graphql${where}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(asked),
  });
  // Express alone adds one
  expect(response.headers.has("etag")).toBe(byExpress);
  return [(await response.json()) as Answer];
}

/** A live operation says something at once, or ends. */
export const overLive =
  (name: string): Transport =>
  async ({ service, router, tokens }, { query, variables }, caller) => {
    const subscribe = liveTransports(() => router)[name] as LiveTransport;
    const { data = null, errors } = await first(
      subscribe(service, query, { token: tokens[caller] ?? "", variables }),
    );
    return [{ data, ...(errors && { errors }) }];
  };
