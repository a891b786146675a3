import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import { instantIn } from "../database.ts";
import type { Connection } from "../types/connection.ts";
import type { FieldChange, HistorySubject, SubscriptionHistoryEntry } from "../types/subscription-history.ts";
import { assertPageSize, connectionWith, cursorOf, placeOf } from "./pages.ts";

/** Ids, keys and secrets of Stripe's, wherever they stand in a text. */
const AT_STRIPE =
  /\b(?:acct|ba|bpc|bps|card|cbtxn|ch|cn|cs|cus|di|dp|du|evt|ii|il|in|inpay|mandate|pi|pm|price|prod|promo|py|pyr|re|req|rk|seti|si|sk|src|sub|sub_sched|txn|whsec)_\w+/g;
const KEPT_OUT = "[at Stripe]";

/** Which page of what happened to which subscription. */
export interface HistoryPage {
  id: string;
  first: number;
  after: string | null;
}

/** What happened to a subscription, as the audit log tells it. */
export class SubscriptionHistoryService {
  constructor(private readonly em: EntityManager) {}

  /**
   * Newest first; null when there is no such subscription.
   * @throws BadUserInput for `first` outside 1 to 100 or a cursor that is not ours
   */
  async list({ id, first, after }: HistoryPage): Promise<Connection<SubscriptionHistoryEntry> | null> {
    assertPageSize(first);
    const place = after === null ? null : placeOf(after);
    if (!isUuid(id)) return null;
    const about = [id.toLowerCase(), id, id];
    const beyond = place ? "where (entry.at, entry.id) < (?::timestamptz, ?::uuid)" : "";
    const [rows, [count]] = await Promise.all([
      this.em
        .fork()
        .execute<Row[]>(`${ENTRIES} ${beyond} order by entry.at desc, entry.id desc limit ?`, [
          ...about,
          ...(place ? [place.at, place.id] : []),
          first + 1,
        ]),
      this.em.fork().execute<{ n: string }[]>(COUNT, about),
    ]);
    const totalCount = Number(count?.n);
    if (totalCount === 0) return null;
    const edges = rows.map((row) => {
      const node = this.shown(row);
      return { node, cursor: cursorOf({ id: node.id, createdAt: node.at }) };
    });
    return connectionWith(edges, { first, isFirst: place === null, totalCount });
  }

  private shown(row: Row): SubscriptionHistoryEntry {
    const { id, actor, action, table_name: subject, row_id: subjectId } = row;
    return {
      ...{ id, actor, action, subject, subjectId, causedBy: row.caused_by },
      at: instantIn(this.em, row.at) as Date,
      reason: row.reason && withoutStripe(row.reason),
      changes: changesOf(row.before ?? {}, row.after ?? {}),
    };
  }
}

interface Row {
  id: string;
  at: string;
  actor: string;
  action: string;
  table_name: HistorySubject;
  row_id: string;
  reason: string | null;
  caused_by: string | null;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
}

function changesOf(before: Record<string, unknown>, after: Record<string, unknown>): FieldChange[] {
  const fields = Object.keys({ ...before, ...after });
  return fields
    .map((field) => ({ field, before: told(before[field]), after: told(after[field]) }))
    .filter((change) => change.before !== null || change.after !== null);
}

const told = (value: unknown) => (value == null ? null : JSON.stringify(scrubbed(value)));
export const withoutStripe = (text: string) => text.replace(AT_STRIPE, KEPT_OUT);

/** A value of JSON without Stripe's ids; each text by itself, since in JSON's own escapes none would begin a word. */
export const scrubbed = (value: unknown): unknown =>
  value == null
    ? value
    : JSON.parse(JSON.stringify(value), (_name, one) => (typeof one === "string" ? withoutStripe(one) : one));

/** The rows whose entries make the history: the subscription, the grants it gave, its invoices. */
const ABOUT = `with about as (
    select 'subscriptions' as table_name, ?::text as row_id
    union all
    select 'user_access', grants.id::text from user_access grants
     where grants.source_id = (select id::text from subscriptions where id = ?)
    union all
    select 'invoices', invoices.id::text from invoices
     where stripe_subscription_id = (select stripe_subscription_id from subscriptions where id = ?))`;

const ENTRIES = `${ABOUT}
  select entry.id, entry.at, actor, action, table_name, row_id, reason, caused_by, before, after
    from about join audit_log entry using (table_name, row_id)`;

const COUNT = `${ABOUT} select count(*) as n from about join audit_log using (table_name, row_id)`;
