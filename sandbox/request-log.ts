import type { Raw } from "./form.ts";

/** One API call received. */
export interface LoggedRequest {
  id: string;
  method: string;
  path: string;
  params: { [name: string]: Raw };
  idempotencyKey: string | null;
  /** Who asked, as the caller says. */
  userAgent: string;
  /** Null while it is unanswered, and for a connection that a fault cut. */
  status: number | null;
  /** The sandbox's time, ISO 8601. */
  time: string;
}

const KEPT = 5000;

/** The latest API calls, oldest first, for assertions. */
export class RequestLog {
  private entries: LoggedRequest[] = [];

  add(entry: LoggedRequest): LoggedRequest {
    this.entries.push(entry);
    if (this.entries.length > KEPT * 1.2) this.entries = this.entries.slice(-KEPT);
    return entry;
  }

  list(): LoggedRequest[] {
    return this.entries.slice(-KEPT);
  }

  clear(): void {
    this.entries = [];
  }
}
