import {
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isLeafType,
  isObjectType,
  parseValue,
  valueFromASTUntyped,
} from "graphql";
import { nameOf, type Way } from "./ways.ts";

/** What is sent. */
export interface Asked {
  query: string;
  variables: Record<string, unknown>;
}
/** What `$name` stands for, as GraphQL writes it; of several, each is asked for. */
export type Values = Record<string, string | string[]>;

/** Arguments of fields that need some. */
const ARGUMENTS: Record<string, string> = {
  "User.accessTo": "(resourceType: COURSE, resourceId: $course)",
};

/** What is selected of a type to learn something of these fields. */
export function selectionOf(type: GraphQLNamedType, fields: readonly string[]): string {
  if (!isObjectType(type)) return "";
  const all = type.getFields();
  const selected = fields.map((name) => {
    const isLeaf = isLeafType(getNamedType((all[name] as GraphQLField<unknown, unknown>).type));
    return `${name}${ARGUMENTS[`${type.name}.${name}`] ?? ""}${isLeaf ? "" : " { __typename }"}`;
  });
  return `{ __typename ${selected.join(" ")} }`;
}

const VARIABLE = /(\w+): \$(\w+)/g;

/**
 * The operation that goes this way, once for each of several values. A query names them by variables, as clients do: the
 * service compiles no others.
 */
export function operationOf(schema: GraphQLSchema, way: Way, selection: string, values: Values): Asked {
  const [first = "", ...rest] = way.steps;
  const inner = rest.reduceRight((within, step) => `{ ${step} ${within} }`, selection);
  const names = [...`${first} ${inner}`.matchAll(VARIABLE)].map(([, , name]) => name as string);
  const count = Math.max(1, ...names.map((name) => [values[name]].flat().length));
  const declared: string[] = [];
  const variables: Asked["variables"] = {};
  const declare = (name: string, type: string, value: unknown) => {
    if (!(name in variables)) declared.push(`$${name}: ${type}`);
    variables[name] = value;
    return `$${name}`;
  };
  const calls = Array.from({ length: count }, (_, at) => {
    const literal = (text: string) =>
      text.replace(VARIABLE, (_all, argument, name) => `${argument}: ${valueAt(values, name, at)}`);
    const named = (text: string) =>
      text.replace(VARIABLE, (_all, argument: string, name: string) => {
        const value = JSON.parse(valueAt(values, name, at));
        return `${argument}: ${declare(`${name}${at}`, typeOf(schema, argument), value)}`;
      });
    if (!first.startsWith("@"))
      return `call${at}: ${(way.operation === "query" ? named : literal)(`${first} ${inner}`)}`;
    const key = valueFromASTUntyped(parseValue(`{ ${literal(first.slice(first.indexOf("(") + 1, -1))} }`));
    const type = nameOf(first).slice(1);
    const list = declare(`reference${at}`, "[_Any!]!", [{ __typename: type, ...(key as object) }]);
    return `call${at}: _entities(representations: ${list}) { ... on ${type} ${named(inner)} }`;
  });
  const head = declared.length > 0 ? `${way.operation} (${declared.join(", ")})` : way.operation;
  return { query: `${head} { ${calls.join(" ")} }`, variables };
}

function valueAt(values: Values, name: string, at: number): string {
  const known = [values[name]].flat();
  const value = known[at] ?? known[0];
  if (value === undefined) throw new Error(`the world has no $${name}`);
  return value;
}

/** The type of an argument: those of the same name have the same, in queries. */
function typeOf(schema: GraphQLSchema, argument: string): string {
  const types = [schema.getQueryType(), schema.getType("User")].filter(isObjectType);
  const all = types.flatMap((type) => Object.values(type.getFields()).flatMap(({ args }) => args));
  return String(all.find(({ name }) => name === argument)?.type);
}
