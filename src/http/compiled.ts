import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  type FragmentDefinitionNode,
  type GraphQLError,
  type GraphQLSchema,
  Kind,
  type SelectionSetNode,
  visit,
} from "graphql";
import { compileQuery, isCompiledQuery } from "graphql-jit";
import type { Context } from "../context.ts";

type Variables = Record<string, unknown> | undefined;

/** Runs an operation, and gives what graphql-js's `execute` gives for it. */
export type Run = (context: Context, variables: Variables) => ExecutionResult | Promise<ExecutionResult>;

/** In fields, each counted wherever its fragment is spread: the compiler unfolds them all. */
export const LARGEST = 1_000;

/** Runs a valid document's only query: compiled when it is first wanted, or executed as it is where that cannot be. */
export function runnerOf(schema: GraphQLSchema, document: DocumentNode): Run {
  let run: Run | undefined;
  return (context, variables) => {
    run ??= compiled(schema, document);
    return run(context, variables);
  };
}

function compiled(schema: GraphQLSchema, document: DocumentNode): Run {
  const interpreted: Run = (contextValue, variableValues) =>
    execute({ schema, document, contextValue, variableValues: variableValues ?? null });
  if (!isCompilable(document)) return interpreted;
  // the stack of an error within compiled code would tell nothing
  const made = compileQuery(schema, document, undefined, { disablingCapturingStackErrors: true });
  if (!isCompiledQuery(made)) return interpreted;
  return async (context, variables) => {
    const result = await made.query(undefined, context, variables);
    // variables that do not fit: nothing has run yet, and graphql-js has the words for it
    if (result.data === undefined) return interpreted(context, variables);
    return result.errors ? { ...result, errors: oncePerLoss(result.errors, result.data) } : result;
  };
}

/**
 * Whether compiled code does for a document what graphql-js does. Not with `@skip` and `@include` on fragments that are
 * spread twice; and no text of a client's becomes a part of code: the compiler writes strings into it, some of them
 * without quotes, and names like `__proto__` as keys of objects.
 */
function isCompilable(document: DocumentNode): boolean {
  let isPlain = true;
  const refuse = () => {
    isPlain = false;
  };
  visit(document, {
    Directive: refuse,
    StringValue: refuse,
    // what stands in an object of a scalar of ours (a reference, say), variables too, is lost; of inputs the absent
    ObjectValue: refuse,
    Name: ({ value }) => (value.startsWith("__") && value !== "__typename" ? refuse() : undefined),
  });
  return isPlain && sizeOf(document) <= LARGEST;
}

/** How many fields a document has, those of its fragments counted wherever they are spread. */
export function sizeOf({ definitions }: DocumentNode): number {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const one of definitions)
    if (one.kind === Kind.FRAGMENT_DEFINITION) fragments.set(one.name.value, one);
  const sizes = new Map<string, number>();
  const within = (set: SelectionSetNode | undefined): number => {
    let size = 0;
    for (const selection of set?.selections ?? [])
      size +=
        selection.kind === Kind.FRAGMENT_SPREAD
          ? ofFragment(selection.name.value)
          : 1 + within(selection.selectionSet);
    return size;
  };
  const ofFragment = (name: string): number => {
    const size = sizes.get(name) ?? within(fragments.get(name)?.selectionSet);
    sizes.set(name, size);
    return size;
  };
  return definitions.reduce(
    (sum, one) => sum + (one.kind === Kind.OPERATION_DEFINITION ? within(one.selectionSet) : 0),
    0,
  );
}

/** One error for each place where something is missing. The others within it came to nothing, and graphql-js leaves most out. */
function oncePerLoss(errors: readonly GraphQLError[], data: unknown): GraphQLError[] {
  const places = new Set<string>();
  return errors.filter(({ path = [] }) => {
    const place = JSON.stringify(path.slice(0, depthOfNull(data, path)));
    const isFirst = !places.has(place);
    places.add(place);
    return isFirst;
  });
}

function depthOfNull(data: unknown, path: readonly (string | number)[]): number {
  let value = data;
  for (const [depth, key] of path.entries()) {
    if (value == null) return depth;
    value = (value as Record<string | number, unknown>)[key];
  }
  return path.length;
}
