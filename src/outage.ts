import { types } from "node:util";
import { ProviderUnavailable, UserHeld } from "./errors.ts";
import type { Logger } from "./logger.ts";

const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * What the log says while a part (Redis, the database) is out of reach: one warning when that begins, a short line
 * now and then, ever less often, and one line when it is over. However often and by however many it is tried.
 */
export class Outage {
  private began: number | undefined;
  private next = 0;
  private pause = FIRST_PAUSE_MS;

  /** @param part as in "Redis"; @param nowMs any clock that only goes forward */
  constructor(
    private readonly part: string,
    private readonly logger: Logger,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** It was tried, and could not be reached. */
  failed(error: unknown): void {
    const now = this.nowMs();
    const reason = reasonOf(error);
    if (this.began === undefined) {
      this.began = now;
      this.pause = FIRST_PAUSE_MS;
      this.logger.warn({ reason }, `${this.part} is out of reach; it is tried again until it answers`);
    } else if (now >= this.next) {
      this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
      this.logger.warn({ reason, seconds: this.seconds(now) }, `${this.part} is still out of reach`);
    } else return;
    this.next = now + this.pause;
  }

  /** It was tried, and answered. */
  ended(): void {
    if (this.began === undefined) return;
    this.logger.info({ seconds: this.seconds(this.nowMs()) }, `${this.part} is back`);
    this.began = undefined;
  }

  private seconds(now: number): number {
    return Math.round((now - (this.began ?? now)) / 1_000);
  }
}

/**
 * PostgreSQL's classes of "not now": connection lost or refused, shutting down, too many connections. Not 08P01,
 * which a text with a zero byte in it causes.
 */
const CONNECTION_STATES = /^(08(?!P01)|57P0|53300)/;
/** What the driver says without a code: of a connection that broke, and of one that it was handed a moment later. */
const NO_CONNECTION = /Connection terminated|is not queryable|timeout exceeded when trying to connect/;
const SOCKET_CODES = ["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND"];

/** Whether an error says that the database is out of reach, as opposed to refusing what was asked. */
export function isConnectionFailure(error: unknown): error is Error {
  if (!types.isNativeError(error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === "string" && (CONNECTION_STATES.test(code) || SOCKET_CODES.includes(code))) return true;
  if (NO_CONNECTION.test(error.message)) return true;
  return error.cause !== undefined && error.cause !== error && isConnectionFailure(error.cause);
}

/** Whether an error ends when Stripe or the database is back, not by doing something else. */
export const isOutage = (error: unknown) =>
  error instanceof ProviderUnavailable || isConnectionFailure(error);

/** Whether what failed is to be tried again as it is, and says nothing against it: in an outage, or while its user is held. */
export const isPassing = (error: unknown) => isOutage(error) || error instanceof UserHeld;

/** Why a part could not be reached, in a few words: a code where there is one, and never a stack. */
export function reasonOf(error: unknown): string {
  const { code, cause, message } = error as { code?: unknown; cause?: unknown; message?: string };
  if (typeof code === "string") return code;
  if (cause && cause !== error) return reasonOf(cause);
  return (message ?? String(error)).split("\n")[0]?.slice(0, 200) ?? "";
}
