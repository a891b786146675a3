import { STATUS_CODES } from "node:http";
import type { Response } from "express";
import type { GraphQLError } from "graphql";
import { ERROR_CODES, type ErrorCode } from "../../errors.ts";
import { toGraphQLError, withCode, withField } from "../../format-error.ts";
import type { Logger } from "../../logger.ts";
import { unreadableBy } from "../unreadable.ts";

/** A refusal as RFC 9457 has it (https://www.rfc-editor.org/rfc/rfc9457), with the same codes as everywhere. */
export interface Problem {
  type: "about:blank";
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  field?: string;
  retryable?: boolean;
  declineCode?: string;
  retryAfter?: number;
  requestId?: string;
}

/** What may be told of any error: one of ours, the executor's, a body that cannot be read, or one that is masked. */
export function problemOf(error: unknown, logger: Logger): Problem {
  const unreadable = unreadableBy(error);
  if (unreadable) return problem(unreadable.code, unreadable.message, { status: unreadable.status });
  const { message, extensions = {} } = withField(coded(error, logger).toJSON());
  const { code = "BAD_USER_INPUT", field = fieldIn(message), ...more } = extensions as Partial<Problem>;
  // the input is the body here, and not a part of it
  const named = field === undefined ? {} : { field: field.replace(/^input\./, "") };
  return problem(code in ERROR_CODES ? code : "BAD_USER_INPUT", sentence(message), { ...named, ...more });
}

function problem(code: ErrorCode, detail: string, more: Partial<Problem>): Problem {
  const { status = ERROR_CODES[code] } = more;
  return { type: "about:blank", title: STATUS_CODES[status] as string, status, detail, code, ...more };
}

const coded = (error: unknown, logger: Logger): GraphQLError =>
  error instanceof Error && "extensions" in error
    ? withCode(error as GraphQLError, logger)
    : toGraphQLError(error, logger);

/** What the executor says of a variable that does not fit: of a whole one, or of what an input lacks. */
const MISFIT = /^Variable "\$(\w+)" (?:got invalid value .*?; )?/s;
const LACKING = /; Field "(\w+)" of required type/;

function fieldIn(message: string): string | undefined {
  const name = MISFIT.exec(message)?.[1];
  return name === "input" ? LACKING.exec(message)?.[1] : name;
}

/** The executor begins with its variable's name and value, which are nothing that a request has named. */
const sentence = (message: string) => message.replace(MISFIT, "");

export function refuse(response: Response, problem: Problem): void {
  if (problem.code === "UNAUTHENTICATED") response.set("www-authenticate", "Bearer");
  if (problem.retryAfter !== undefined) response.set("retry-after", String(problem.retryAfter));
  response.status(problem.status).type("application/problem+json").send(JSON.stringify(problem));
}
