import { randomUUID } from "node:crypto";
import { GraphQLError, type GraphQLFormattedError, Kind } from "graphql";
import { ArgumentValidationError } from "type-graphql";
import { BadUserInput, DomainError, ServiceUnavailable } from "./errors.ts";
import { type Logger, logScope, withLogScope } from "./logger.ts";
import { isConnectionFailure } from "./outage.ts";

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
  const requestId = logScope().requestId ?? randomUUID();
  withLogScope({ requestId }, () => logger.error({ err: error }, "unexpected error"));
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

/**
 * The last look at an error on its way out, on every transport: what the executor itself refuses has no code yet.
 * A variable or an argument that does not fit is the client's; anything else is ours, and masked.
 */
export function withCode(error: GraphQLError, logger: Logger): GraphQLError {
  const { code } = error.extensions;
  const isMasked = "requestId" in error.extensions;
  if (code && (code !== "INTERNAL_SERVER_ERROR" || isMasked)) return error;
  const refusal = misfit(error) ?? toGraphQLError(causeOf(error), logger);
  return new GraphQLError(refusal.message, {
    nodes: error.nodes ?? null,
    path: error.path ?? null,
    extensions: refusal.extensions,
  });
}

/** What graphql-js says when it coerces values, before any resolver is called. */
const MISFIT_VARIABLE = /^Variable "\$(\w+)" /;
/** The same of a value inside an input object: all that there are in this schema are given as `input`. */
const MISFIT_INPUT = /^Variable "\$\w+" .* at "\w+\.([\w.]+)/s;
const MISFIT_ARGUMENT = /^Argument "(\w+)" (?:of|has) /;

function misfit(error: GraphQLError): GraphQLError | undefined {
  const { message, nodes } = error;
  if (error.originalError && !(error.originalError instanceof GraphQLError)) return undefined;
  const isVariable = nodes?.[0]?.kind === Kind.VARIABLE_DEFINITION;
  const field = (isVariable ? MISFIT_VARIABLE : MISFIT_ARGUMENT).exec(message)?.[1];
  return field === undefined
    ? undefined
    : new GraphQLError(message, { extensions: { code: "BAD_USER_INPUT", ...(!isVariable && { field }) } });
}

/** The field of an input whose value did not fit, which the executor only names in words. */
export function withField(error: GraphQLFormattedError): GraphQLFormattedError {
  const { code, field } = error.extensions ?? {};
  const inside = code === "BAD_USER_INPUT" && !field && MISFIT_INPUT.exec(error.message)?.[1];
  return inside ? { ...error, extensions: { ...error.extensions, field: `input.${inside}` } } : error;
}

/** What was thrown; of the executor's own words no more than those, since its nodes hold the client's document. */
function causeOf({ originalError, message, stack }: GraphQLError): Error {
  if (originalError && !(originalError instanceof GraphQLError)) return originalError;
  return Object.assign(new Error(message), { stack });
}

function toBadUserInput(error: ArgumentValidationError): BadUserInput {
  let fault = error.extensions.validationErrors[0];
  const path = ["input", fault?.property ?? ""];
  while (fault && !fault.constraints && fault.children?.[0]) {
    fault = fault.children[0];
    path.push(fault.property);
  }
  const messages = Object.values(fault?.constraints ?? {});
  return new BadUserInput(path.join("."), messages[0] ?? "This input is not valid.");
}
