import type { EntityManager } from "@mikro-orm/postgresql";
import type { Caller } from "../auth/caller.ts";
import { instantIn } from "../database.ts";
import { BadUserInput, Conflict, NotFound } from "../errors.ts";
import type { Connection } from "../types/connection.ts";
import type { WebhookEvent, WebhookEventStatus } from "../types/webhook-event.ts";
import type { IdempotencyService } from "./idempotency.service.ts";
import { assertPageSize, connectionWith } from "./pages.ts";

/** Which events, and which page of them. */
export interface WebhookEventPage {
  status: WebhookEventStatus | null;
  type: string | null;
  first: number;
  after: string | null;
}

/** What became of an event that was to be worked on again; `useless`: the service has no use for its type. */
export type ReplayOutcome = "replayed" | "pending" | "useless";

/** Puts events back to pending, whatever became of them before. */
export interface Replays {
  replay(ids: readonly string[], actor: string): Promise<Map<string, ReplayOutcome>>;
}

/** The inbox as operators see it. */
export class WebhookEventService {
  constructor(
    private readonly em: EntityManager,
    private readonly replays: Replays,
    private readonly idempotency: IdempotencyService,
  ) {}

  /** Newest first. @throws BadUserInput for `first` outside 1 to 100 or a cursor that is not ours */
  async list({ status, type, first, after }: WebhookEventPage): Promise<Connection<WebhookEvent>> {
    assertPageSize(first);
    const given = { "status = ?": status, "type = ?": type };
    const chosen = Object.entries(given).filter(([, value]) => value !== null);
    const filters = chosen.map(([filter]) => filter);
    const values = chosen.map(([, value]) => value);
    const place = after === null ? null : placeOf(after);
    const beyond = place ? ["(received_at, id) < (?::timestamptz, ?)"] : [];
    const [rows, [count]] = await Promise.all([
      this.select([...filters, ...beyond], [...values, ...(place ?? []), first + 1]),
      this.em
        .fork()
        .execute<{ n: string }[]>(`select count(*) as n from stripe_events ${where(filters)}`, values),
    ]);
    const edges = rows.map((row) => ({ node: this.shown(row), cursor: cursorOf(row) }));
    return connectionWith(edges, { first, isFirst: place === null, totalCount: Number(count?.n) });
  }

  /**
   * Has an event worked on again, whatever became of it; one that is pending stays as it is, and is woken.
   * @throws NotFound, Conflict for an event of a type (or mode) that the service has no use for
   */
  replay(caller: Caller, id: string, key: string | null): Promise<WebhookEvent> {
    return this.idempotency.run({
      ...{ caller, key, operation: "replayWebhookEvent", input: { id } },
      work: async () => {
        const outcome = (await this.replays.replay([id], caller.actor)).get(id);
        if (!outcome) throw new NotFound("webhook event");
        if (outcome === "useless")
          throw new Conflict("The service has no use for this event: there is nothing to work on again.");
        return id;
      },
      read: (reference) => this.find(reference),
    });
  }

  private async find(id: string): Promise<WebhookEvent> {
    const [row] = await this.select(["id = ?"], [id, 1]);
    if (!row) throw new NotFound("webhook event");
    return this.shown(row);
  }

  /** Never the payload: it may be large, and holds what only its owner may see. */
  private select(filters: string[], values: unknown[]): Promise<Row[]> {
    return this.em.fork().execute<Row[]>(
      `select id, type, object_id, status, source, attempts, last_error, received_at,
              case when status = 'pending' then next_try_at end as next_try_at
         from stripe_events ${where(filters)} order by received_at desc, id desc limit ?`,
      values,
    );
  }

  private shown(row: Row): WebhookEvent {
    const { id, type, status, source, attempts } = row;
    return {
      ...{ id, type, status, source, attempts, objectId: row.object_id, lastError: row.last_error },
      receivedAt: instantIn(this.em, row.received_at) as Date,
      nextTryAt: instantIn(this.em, row.next_try_at),
    };
  }
}

interface Row extends Pick<WebhookEvent, "id" | "type" | "status" | "source" | "attempts"> {
  object_id: string | null;
  last_error: string | null;
  /** PostgreSQL's own text, exact to the microsecond. */
  received_at: string;
  next_try_at: string | null;
}

const where = (filters: string[]) => (filters.length > 0 ? `where ${filters.join(" and ")}` : "");

const cursorOf = (row: Row) => Buffer.from(`${row.received_at}|${row.id}`).toString("base64url");

function placeOf(cursor: string): [receivedAt: string, id: string] {
  const [receivedAt = "", id = ""] = Buffer.from(cursor, "base64url").toString().split("|");
  if (!/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d$/.test(receivedAt) || !id)
    throw new BadUserInput("after", "This is not a cursor of this list.");
  return [receivedAt, id];
}
