import { DomainError, type ErrorCode } from "../errors.ts";

/** What was wrong with a request that could not be read; body-parser and Express name its kind. */
interface HttpFault {
  readonly status?: number;
  readonly type?: string;
  readonly limit?: number;
}

/** Why a request could not be read, when that is what was thrown. */
export interface Unreadable {
  status: number;
  code: ErrorCode;
  message: string;
}

export function unreadableBy(error: unknown): Unreadable | undefined {
  const fault = Object(error) as HttpFault;
  const { status = 500 } = fault;
  if (error instanceof DomainError || status < 400 || status >= 500) return undefined;
  return {
    ...{ status, code: status === 413 ? "PAYLOAD_TOO_LARGE" : "BAD_USER_INPUT" },
    message: sentenceFor(fault),
  };
}

function sentenceFor({ type, limit = 0 }: HttpFault): string {
  switch (type) {
    case "entity.too.large":
      return `The body is larger than ${limit / 1024} kB.`;
    case "entity.parse.failed":
      return "The body is not JSON: send an object with a query, as content-type application/json.";
    case "charset.unsupported":
      return "The body must be in UTF-8.";
    case "encoding.unsupported":
      return "The body's content-encoding is not known here: send gzip, deflate, br or none.";
    default:
      return "This request cannot be read.";
  }
}
