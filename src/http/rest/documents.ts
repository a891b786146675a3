import {
  type DocumentNode,
  type FieldNode,
  type GraphQLInputType,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  parse,
  typeFromAST,
} from "graphql";
import { type Endpoint, FRAGMENTS } from "./endpoints.ts";

/** Where a request says what a variable is. */
export type Place = "path" | "query" | "header" | "body";

export interface Variable {
  readonly name: string;
  readonly type: GraphQLInputType;
  readonly place: Place;
  readonly hasDefault: boolean;
}

/** An endpoint's document, taken apart. */
export interface Prepared {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables: readonly Variable[];
  /** The one field that it asks for. */
  readonly root: FieldNode;
}

/** Parses an endpoint's document, with the fragments that it spreads. @throws GraphQLError for one that is wrong */
export function prepare(schema: GraphQLSchema, { document: text, path }: Endpoint): Prepared {
  const document = parse([text, ...fragmentsIn(text)].join("\n"), { noLocation: true });
  const operation = document.definitions[0] as OperationDefinitionNode;
  const variables = (operation.variableDefinitions ?? []).map(({ variable, type, defaultValue }) => {
    const name = variable.name.value;
    return {
      ...{ name, type: typeFromAST(schema, type as never) as GraphQLInputType },
      ...{ place: placeOf(name, path), hasDefault: defaultValue !== undefined },
    };
  });
  return { document, operation, variables, root: operation.selectionSet.selections[0] as FieldNode };
}

function placeOf(name: string, path: string): Place {
  if (path.split("/").includes(`:${name}`)) return "path";
  if (name === "input") return "body";
  return name === "idempotencyKey" ? "header" : "query";
}

function fragmentsIn(text: string): string[] {
  const found = new Set<string>();
  const look = (within: string) => {
    for (const [, name] of within.matchAll(/\.\.\.(\w+)/g)) {
      const fragment = FRAGMENTS[name as string];
      if (!fragment || found.has(fragment)) continue;
      found.add(fragment);
      look(fragment);
    }
  };
  look(text);
  return [...found];
}

/** Names in the path that are no variable of the document: they belong to its input. */
export const pathNames = (path: string) => [...path.matchAll(/:(\w+)/g)].map(([, name]) => name as string);

/** Whether a selection is nothing but a fragment: then what it shows has a name. */
export function namedSelection(field: FieldNode): string | undefined {
  const [only, ...others] = field.selectionSet?.selections ?? [];
  return only?.kind === Kind.FRAGMENT_SPREAD && others.length === 0 ? only.name.value : undefined;
}
