import { AsyncLocalStorage } from "node:async_hooks";
import type { EntityManager } from "@mikro-orm/postgresql";
import type { Intent } from "../entities/intent.ts";
import { Conflict } from "../errors.ts";

/** A client's key under which work runs, and the kind of intent that decides its answer. */
interface UnderKey {
  callerId: string;
  key: string;
  /** Until when the key is this call's, as it was claimed: another call's claim ends later. */
  lease: string;
  kind: string;
}

const scope = new AsyncLocalStorage<UnderKey>();

/** The intent of this kind that `work` opens, or joins, is noted under the key, in the transaction that opens it. */
export function underKey<T>(of: UnderKey, work: () => Promise<T>): Promise<T> {
  return scope.run(of, work);
}

/**
 * Notes an intent under the client's key that this work runs for, if it runs for one and this is what decides.
 * @throws Conflict (retryable), and so opens nothing, when another call has the key by now
 */
export async function noteUnderKey(tx: EntityManager, { id, kind }: Intent): Promise<void> {
  const of = scope.getStore();
  if (of?.kind !== kind) return;
  const noted = await tx.execute<unknown[]>(
    `update idempotency_keys set intent_id = ?
     where caller_id = ? and key = ? and reference is null and lease_until = ?::timestamptz returning 1`,
    [id, of.callerId, of.key, of.lease],
  );
  if (noted.length === 0) throw stillRuns();
}

export const stillRuns = () =>
  new Conflict("The first call with this idempotency key is still running. Try again in a moment.", {
    retryable: true,
  });
