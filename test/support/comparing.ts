import { subscribe } from "./checkout.ts";
import { newUser, type TestService } from "./service.ts";

/** What a comparison with Stripe found, as `table kind`. */
export interface Found {
  drift: string[];
  inFlight: string[];
  repaired: string[];
  failedUsers: number;
}
export const NOTHING: Found = { drift: [], inFlight: [], repaired: [], failedUsers: 0 };

/** Compares rows with Stripe, in a service to which nothing is told and which does nothing by itself. */
export interface Comparing {
  execute<T extends object>(sql: string, params?: unknown[]): Promise<T[]>;
  reconcile(repair?: boolean, userId?: string): Promise<Found>;
  /** Somebody with a subscription whose rows say what Stripe says. */
  subscriber(): Promise<string>;
  /** All that is kept of a user, without what differs from run to run. */
  stateOf(userId: string): Promise<object[][]>;
}

export function comparingIn(service: TestService): Comparing {
  const execute = <T extends object>(sql: string, params: unknown[] = []) =>
    service.app.parts.orm.em.fork().execute<T[]>(sql, params);
  async function reconcile(repair = false, userId?: string): Promise<Found> {
    const { drift, failedUsers } = await service.app.parts.reconciliation.reconcile({
      ...{ askedBy: "operator:test", repair, settleMs: 0, ...(userId && { userId }) },
    });
    const of = (wanted: string) =>
      drift.filter(({ state }) => state === wanted).map(({ table, kind }) => `${table} ${kind}`);
    return { drift: of("drift"), inFlight: of("in_flight"), repaired: of("repaired"), failedUsers };
  }
  return {
    execute,
    reconcile,
    async subscriber() {
      const userId = newUser();
      await subscribe(service, await service.token(userId));
      // what confirming does not bring along, such as the stored method
      await reconcile(true, userId);
      return userId;
    },
    async stateOf(userId) {
      const tables = [
        "subscriptions",
        "invoices",
        "payments",
        "charges",
        "user_access",
        "subscription_slots",
      ];
      const rows = await Promise.all(
        tables.map((table) =>
          execute<{ row: object }>(
            `select to_jsonb(t) - '{id,version,updated_at,source_id,starts_at}'::text[] as row from ${table} t
             where user_id = ? and coalesce(to_jsonb(t) ->> 'revoked_at', '') = '' order by 1`,
            [userId],
          ),
        ),
      );
      return rows.map((table) => table.map(({ row }) => row));
    },
  };
}
