import type { EntityManager } from "@mikro-orm/postgresql";
import type { Caller } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { reached } from "../crash-points.ts";
import { IdempotencyKey } from "../entities/idempotency-key.ts";
import { Conflict } from "../errors.ts";
import { hashOf } from "../hash.ts";

const LEASE_SECONDS = 30;

/** One call of a mutation that may be repeated under a key of the client's. */
export interface IdempotentCall<Answer> {
  caller: Caller;
  /** The client's key; without one the work simply runs. */
  key: string | null | undefined;
  operation: string;
  /** Compared with the first call's by hash; the key itself does not count. */
  input: object;
  /** Does the work and returns an id from which the answer can be read again. */
  work(): Promise<string>;
  read(reference: string): Promise<Answer>;
}

/** The same caller, key and input gives the first answer again, across restarts and replicas. */
export class IdempotencyService {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
  ) {}

  /** @throws Conflict for a key used with other input, or (retryable) while the first call still runs */
  async run<Answer>(call: IdempotentCall<Answer>): Promise<Answer> {
    const { key } = call;
    if (!key) return call.read(await call.work());
    const known = await this.claim(call, key);
    if (known) return call.read(known);
    reached("key-claimed");
    try {
      const reference = await call.work();
      reached("key-worked");
      await this.finish(call.caller, key, reference);
      return await call.read(reference);
    } catch (error) {
      await this.forget(call.caller, key);
      throw error;
    }
  }

  /** The reference to the first answer, or null when the work is this call's to do. */
  private async claim<A>(
    { caller, operation, input }: IdempotentCall<A>,
    key: string,
  ): Promise<string | null> {
    const inputHash = hashOf({ ...input, idempotencyKey: undefined });
    const em = this.em.fork();
    // a call that died left its lease behind; the work itself is idempotent, so the next one takes over
    const [mine] = await em.execute<unknown[]>(
      `insert into idempotency_keys (caller_id, key, operation, input_hash, lease_until, created_at)
       values (?, ?, ?, ?, now() + interval '${LEASE_SECONDS} seconds', ?)
       on conflict (caller_id, key) do update set lease_until = excluded.lease_until
         where idempotency_keys.reference is null and idempotency_keys.lease_until < now()
           and idempotency_keys.operation = excluded.operation
           and idempotency_keys.input_hash = excluded.input_hash
       returning 1`,
      [caller.actor, key, operation, inputHash, this.clock.now()],
    );
    if (mine) return null;
    const known = await em.findOne(IdempotencyKey, { callerId: caller.actor, key });
    if (known && (known.operation !== operation || known.inputHash !== inputHash))
      throw new Conflict("This idempotency key was used for another call. Use a new key.");
    if (!known?.reference)
      throw new Conflict(
        "The first call with this idempotency key is still running. Try again in a moment.",
        {
          retryable: true,
        },
      );
    return known.reference;
  }

  private async finish(caller: Caller, key: string, reference: string): Promise<void> {
    await this.em
      .fork()
      .nativeUpdate(IdempotencyKey, { callerId: caller.actor, key }, { reference, leaseUntil: null });
  }

  /** A refused call left nothing behind, so its key may be used for a corrected one. */
  private async forget(caller: Caller, key: string): Promise<void> {
    await this.em.fork().nativeDelete(IdempotencyKey, { callerId: caller.actor, key, reference: null });
  }
}
