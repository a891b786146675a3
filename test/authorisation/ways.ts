import {
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isNonNullType,
  isObjectType,
} from "graphql";
import type { Answer } from "../support/service.ts";

export type Operation = "query" | "mutation" | "subscription";

/**
 * A way to what is asked for: fields from the root on, or from `@Type(key)`, which is a reference to an entity. Names
 * with a dollar stand for what the world has of it.
 */
export interface Way {
  operation: Operation;
  steps: string[];
  /** Names of the fields after the first. */
  names: string[];
  /** What stands at its end. */
  type: GraphQLNamedType;
}

export const nameOf = (step: string) => /^@?\w+/.exec(step)?.[0] as string;

/** Finds a way through the schema. @throws Error when it leads nowhere */
export function wayOf(schema: GraphQLSchema, operation: Operation, text: string): Way {
  const steps = text.split(" / ");
  const [first = "", ...names] = steps.map(nameOf);
  const isReference = first.startsWith("@");
  let type = isReference ? schema.getType(first.slice(1)) : schema.getRootType(operation as never);
  for (const name of isReference ? names : [first, ...names]) {
    const field = isObjectType(type) ? type.getFields()[name] : undefined;
    if (!field) throw new Error(`${text}: there is no field ${name}`);
    type = getNamedType(field.type);
  }
  if (!type) throw new Error(`${text}: there is no such type`);
  return { operation, steps, names, type };
}

/** Whether a refusal of the field takes what it is a field of along, and so is asked for alone. */
export const takesAlong = (type: GraphQLObjectType, field: string) =>
  isNonNullType(type.getFields()[field]?.type);

/** What answers say at the end of a way, and of each of these fields there: the words of a table. */
export function outcomesOf(way: Way, fields: readonly string[], answers: readonly Answer[]) {
  const codes = answers.flatMap(({ errors = [] }) =>
    errors.map(({ path, message, extensions }) => {
      // of the document, and not of somebody who may not
      if (!path && extensions.code.startsWith("GRAPHQL_"))
        throw new Error(`${way.steps.join(" / ")}: ${message}`);
      return { at: (path ?? []).filter((step) => typeof step === "string").slice(1), code: extensions.code };
    }),
  );
  const here = way.names;
  const within = (at: readonly unknown[], of: readonly string[]) => at.every((name, i) => name === of[i]);
  const ends = answers.flatMap(({ data }) =>
    Object.values(data ?? {}).flatMap((call) => valuesAt(call, here)),
  );
  const found = ends.filter((value) => value !== null);
  const refused = codes.find(({ at }) => at.length <= here.length && within(at, here))?.code;
  const reached = found.length > 0 || codes.some(({ at }) => at.length > here.length);
  const outcomes: Record<string, string> = {};
  outcomes[WHOLE] = refused ?? (reached ? "ok" : ends.length > 0 ? "null" : "none");
  for (const name of outcomes[WHOLE] === "ok" ? fields : []) {
    const code = codes.find(
      ({ at }) => at.length > here.length && within([...here, name], at as string[]),
    )?.code;
    const values = found.map((value) => (value as Record<string, unknown>)[name] ?? null);
    outcomes[name] = code ?? (values.some((value) => value !== null) ? "ok" : "null");
  }
  return outcomes;
}

/** Under what the outcome of a way itself stands, beside those of fields. */
export const WHOLE = "(the whole)";

function valuesAt(value: unknown, path: readonly string[]): unknown[] {
  if (Array.isArray(value)) return value.flatMap((each) => valuesAt(each, path));
  const [name, ...rest] = path;
  if (name === undefined || value === null) return [value];
  return valuesAt((value as Record<string, unknown>)[name] ?? null, rest);
}
