import type { EntityManager } from "@mikro-orm/postgresql";
import type { Caller } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { reached } from "../crash-points.ts";
import { AnonymizedUser } from "../entities/anonymized-user.ts";
import { IdempotencyKey } from "../entities/idempotency-key.ts";
import { Conflict, UserAnonymized } from "../errors.ts";
import { hashOf } from "../hash.ts";
import { IntentLapsed, isRefusal } from "../intents/failures.ts";
import type { Intents } from "../intents/intents.ts";
import { stillRuns, underKey } from "../intents/key-scope.ts";
import type { IntentKindName } from "../intents/kinds.ts";

const LEASE_SECONDS = 30;

/** Notes under the client's key, in the transaction of the work, what it comes to; hands that back. */
export type Keep = (tx: EntityManager, reference: string) => Promise<string>;

const KEEP_NOTHING: Keep = async (_tx, reference) => reference;

/** One call of a mutation that may be repeated under a key of the client's. */
export interface IdempotentCall<Answer> {
  caller: Caller;
  /** The client's key; without one the work simply runs. */
  key: string | null | undefined;
  operation: string;
  /** Compared with the first call's by hash; the key itself does not count. */
  input: object;
  /** The kind of intent that the work opens and that decides its answer, and how its Stripe id leads to that. */
  intent?: { kind: IntentKindName; answer(stripeId: string): Promise<string> };
  /**
   * Does the work and returns an id from which the answer can be read again. Work that is one transaction of ours notes
   * that id in it (`keep`): then it is never done twice, even by a call whose lease ran out while it worked.
   */
  work(keep: Keep): Promise<string>;
  read(reference: string): Promise<Answer>;
}

/**
 * The same caller, key and input gives the first answer again, across restarts and replicas: also when the first call
 * was never answered, since what it began at Stripe is known under its key.
 */
export class IdempotencyService {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
    private readonly intents: Intents,
  ) {}

  /**
   * @throws Conflict for a key used with other input, or (retryable) while the first call still runs; UserAnonymized for
   *   a caller who was anonymised, or is being so, and whose token is still good: no row is to name them again, not even
   *   that of the key, or another user's that an admin changes
   */
  async run<Answer>(call: IdempotentCall<Answer>): Promise<Answer> {
    const { key, caller } = call;
    if ((await this.em.fork().count(AnonymizedUser, { userId: caller.id })) > 0) throw new UserAnonymized();
    if (!key) return call.read(await call.work(KEEP_NOTHING));
    const { reference: known, begun, lease } = await this.claim(call, key);
    if (known) return call.read(known);
    reached("key-claimed");
    try {
      const reference = (begun && (await this.goOn(call, begun))) || (await this.begin(call, key, lease));
      reached("key-worked");
      await this.finish(call.caller, key, reference);
      return await call.read(reference);
    } catch (error) {
      await this.letGo(call.caller, { key, lease }, error);
      throw error;
    }
  }

  private begin<A>({ caller, intent, work }: IdempotentCall<A>, key: string, lease: string): Promise<string> {
    const keep: Keep = async (tx, reference) => {
      const kept = await note(tx, caller, key, reference);
      // another call has taken over meanwhile, and was faster
      if (kept === 0) throw stillRuns();
      return reference;
    };
    return intent
      ? underKey({ callerId: caller.actor, key, lease, kind: intent.kind }, () => work(keep))
      : work(keep);
  }

  /** What an earlier call began, carried through; null when it was never made, and is to be begun anew. */
  private async goOn<A>({ intent }: IdempotentCall<A>, begun: string): Promise<string | null> {
    if (!intent) return null;
    try {
      return await intent.answer(await this.intents.carryThrough(begun));
    } catch (error) {
      if (error instanceof IntentLapsed) return null;
      throw error;
    }
  }

  /** The reference to the first answer; null when the work is this call's to do, with what another has begun of it. */
  private async claim<A>(
    { caller, operation, input }: IdempotentCall<A>,
    key: string,
  ): Promise<{ reference: string | null; begun: string | null; lease: string }> {
    const inputHash = hashOf({ ...input, idempotencyKey: undefined });
    const em = this.em.fork();
    // a call that died, or was never answered, left its lease behind: the next one goes on from what it has begun
    const [mine] = await em.execute<{ intent_id: string | null; lease: string }[]>(
      `insert into idempotency_keys (caller_id, key, operation, input_hash, lease_until, created_at)
       values (?, ?, ?, ?, now() + interval '${LEASE_SECONDS} seconds', ?)
       on conflict (caller_id, key) do update set lease_until = excluded.lease_until
         where idempotency_keys.reference is null and idempotency_keys.lease_until < now()
           and idempotency_keys.operation = excluded.operation
           and idempotency_keys.input_hash = excluded.input_hash
       returning intent_id, lease_until::text as lease`,
      [caller.actor, key, operation, inputHash, this.clock.now()],
    );
    if (mine) return { reference: null, begun: mine.intent_id, lease: mine.lease };
    const known = await em.findOne(IdempotencyKey, { callerId: caller.actor, key });
    if (known && (known.operation !== operation || known.inputHash !== inputHash))
      throw new Conflict("This idempotency key was used for another call. Use a new key.");
    if (!known?.reference) throw stillRuns();
    return { reference: known.reference, begun: null, lease: "" };
  }

  private async finish(caller: Caller, key: string, reference: string): Promise<void> {
    await note(this.em.fork(), caller, key, reference);
  }

  /**
   * A refused call left nothing behind, so its key may be used for a corrected one. One whose outcome is unknown keeps
   * what it has begun: the next call with the key goes on from there. A key that is another call's by now is left alone.
   */
  private async letGo(
    caller: Caller,
    { key, lease }: { key: string; lease: string },
    error: unknown,
  ): Promise<void> {
    const em = this.em.fork();
    const own = "caller_id = ? and key = ? and reference is null and lease_until = ?::timestamptz";
    const params = [caller.actor, key, lease];
    const kept = !isRefusal(error)
      ? await em.execute<unknown[]>(
          `update idempotency_keys set lease_until = now() where ${own} and intent_id is not null returning 1`,
          params,
        )
      : [];
    if (kept.length === 0) await em.execute(`delete from idempotency_keys where ${own}`, params);
  }
}

/** Notes what a call came to, unless that is noted already. Returns how many keys it was noted under: one, or none. */
const note = (em: EntityManager, { actor: callerId }: Caller, key: string, reference: string) =>
  em.nativeUpdate(IdempotencyKey, { callerId, key, reference: null }, { reference, leaseUntil: null });
