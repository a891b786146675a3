import { GraphQLError } from "graphql";
import { ArgumentValidationError } from "type-graphql";
import { isConnectionFailure } from "./database.ts";
import { BadUserInput, DomainError, ServiceUnavailable } from "./errors.ts";
import { type Logger, logScope } from "./logger.ts";

/**
 * Turns whatever was thrown inside the schema into what a client may see: known errors keep their code,
 * anything else is logged and masked as INTERNAL_SERVER_ERROR with the request's id.
 */
export function toGraphQLError(error: unknown, logger: Logger): GraphQLError {
  const known = toDomainError(error);
  if (known) {
    if (known.cause) logger.warn({ err: known.cause, code: known.code }, known.message);
    return new GraphQLError(known.message, { extensions: { code: known.code, ...known.details } });
  }
  if (error instanceof GraphQLError) return error;
  logger.error({ err: error }, "unexpected error");
  const { requestId } = logScope();
  return new GraphQLError("Something went wrong on our side. Name the request id when you report it.", {
    extensions: { code: "INTERNAL_SERVER_ERROR", requestId },
  });
}

/** The domain error that `error` is or stands for; undefined for what must be masked. */
export function toDomainError(error: unknown): DomainError | undefined {
  if (error instanceof DomainError) return error;
  if (error instanceof ArgumentValidationError) return toBadUserInput(error);
  if (isConnectionFailure(error)) return new ServiceUnavailable(error);
  return undefined;
}

function toBadUserInput(error: ArgumentValidationError): BadUserInput {
  const first = error.extensions.validationErrors[0];
  const messages = Object.values(first?.constraints ?? {});
  return new BadUserInput(`input.${first?.property ?? ""}`, messages[0] ?? "This input is not valid.");
}
