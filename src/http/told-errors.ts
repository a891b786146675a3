import { GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from "graphql";
import { withCode, withField } from "../format-error.ts";
import type { Logger } from "../logger.ts";
import { withoutGuesses } from "../schema-secrecy.ts";

/** Apollo Server's `formatError`: what has no code of ours by then gets one, or is masked. */
export const formatError =
  (schema: GraphQLSchema, logger: Logger) =>
  (given: GraphQLFormattedError, error: unknown): GraphQLFormattedError => {
    const formatted = { ...given, message: withoutGuesses(schema, given.message) };
    if (formatted.extensions?.code !== "INTERNAL_SERVER_ERROR" || !(error instanceof GraphQLError))
      return withField(formatted);
    if (isClients(error)) return { ...formatted, extensions: { code: "BAD_USER_INPUT" } };
    const coded = withCode(error, logger).toJSON();
    return { ...coded, message: withoutGuesses(schema, coded.message) };
  };

/** Apollo Server has no code for some of its own refusals, a persisted query with another hash among them. */
function isClients({ extensions }: GraphQLError): boolean {
  const { status } = (extensions.http ?? {}) as { status?: number };
  return status !== undefined && status >= 400 && status < 500;
}

/** The same for an error that the executor gives itself, of graphql-js's own class or of compiled code's. */
export function told(schema: GraphQLSchema, error: GraphQLError, logger: Logger): GraphQLFormattedError {
  const { message, nodes, path, locations, originalError, extensions } = error;
  const plain = new GraphQLError(message, {
    ...{ nodes: nodes ?? null, path: path ?? null, originalError: originalError ?? null },
    extensions: extensions ?? null,
  });
  const coded = withCode(plain, logger);
  return withField({
    message: withoutGuesses(schema, coded.message),
    ...(locations && { locations }),
    ...(path && { path }),
    extensions: coded.extensions,
  });
}
