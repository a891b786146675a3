import { type DocumentNode, type GraphQLSchema, visit } from "graphql";
import type { Context } from "./context.ts";
import { Forbidden } from "./errors.ts";

/** How a schema says of itself that it is not for everybody: in production. */
const HIDDEN = "isHidden";

/** From now on the schema shows itself to staff and to the router only. */
export function hide(schema: GraphQLSchema): void {
  schema.extensions = { ...schema.extensions, [HIDDEN]: true };
  const service = schema.getQueryType()?.getFields()._service;
  if (!service) return;
  const { resolve } = service;
  service.resolve = (source, args, context, info) => {
    assertShown(schema, context);
    return resolve?.(source, args, context, info);
  };
}

/** @throws Forbidden where the schema is hidden, for those who are not to see it */
export function assertShown(schema: GraphQLSchema, context: Pick<Context, "seesSchema">): void {
  if (schema.extensions[HIDDEN] && !context.seesSchema)
    throw new Forbidden(
      "The schema is shown to staff, and to the router, which has its secret in router-secret.",
    );
}

/** Whether a document asks of the schema what it is made of, anywhere in it. */
export function asksOfSchema(document: DocumentNode): boolean {
  let found = false;
  visit(document, {
    Field: ({ name }) => {
      found ||= name.value === "__schema" || name.value === "__type";
    },
  });
  return found;
}

/** Where graphql-js says what it guesses: last. What stands before it may be a client's own words, however many. */
const GUESS = " Did you mean ";

/** A message without the names that graphql-js guesses were meant, where the schema is hidden. */
export function withoutGuesses(schema: GraphQLSchema, message: string): string {
  if (!schema.extensions[HIDDEN] || !message.endsWith("?")) return message;
  const at = message.lastIndexOf(GUESS);
  return at < 0 ? message : message.slice(0, at);
}
