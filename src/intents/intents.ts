import type { EntityManager } from "@mikro-orm/postgresql";
import type { Clock } from "../clock.ts";
import { reached } from "../crash-points.ts";
import { Intent } from "../entities/intent.ts";
import { DomainError, PaymentDeclined, ProviderUnavailable, UserAnonymized } from "../errors.ts";
import { wake } from "../jobs/wake.ts";
import { type Logger, withLogScope } from "../logger.ts";
import { isPassing } from "../outage.ts";
import { isReplayedFailure, outcomeOf } from "../stripe/errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import type { Sync } from "../sync/sync.ts";
import { lockUser, lockUserToFollow } from "../user-lock.ts";
import { failureOf, IntentLapsed, isRefusal } from "./failures.ts";
import { INTENT_KINDS, type IntentKind, type IntentKindName } from "./kinds.ts";
import { type IntentRequest, openIntent } from "./open-intent.ts";

const LEASE_SECONDS = 20;
/** A change of many steps may take longer than a lease: it is renewed while the work runs. */
const RENEW_MS = 5_000;
const WAIT_MS = 10_000;
const POLL_MS = 40;
const RETRY_SECONDS = [1, 2, 5, 10, 30, 60];
/** Stripe keeps an idempotency key for at least 24 hours; an hour is left for clocks that disagree. */
const POST_WITHIN_MS = 23 * 3_600_000;

/**
 * Every change at Stripe: written down before the call, posted under an idempotency key made of the intent, its
 * attempt and its parameters, and settled by a sync. A timeout leaves the intent pending, and a job asks until
 * the outcome is known; any number of callers and replicas share one post.
 */
export class Intents {
  constructor(
    private readonly em: EntityManager,
    private readonly stripe: StripeGateway,
    private readonly sync: Sync,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Opens (or joins) an intent and carries it through. Returns the Stripe id of what it made or changed. */
  run(request: IntentRequest): Promise<string> {
    return this.runUnder(lockUser, request);
  }

  /** The same for what ends what is left of a user who is being anonymised. */
  runToEnd(request: IntentRequest): Promise<string> {
    return this.runUnder(lockUserToFollow, request);
  }

  private async runUnder(lock: typeof lockUser, request: IntentRequest): Promise<string> {
    try {
      return await this.carryThrough(await this.open(lock, request));
    } catch (error) {
      // what was asked long ago is known not to have happened: now it is asked anew
      if (error instanceof IntentLapsed) return this.carryThrough(await this.open(lock, request));
      throw error;
    }
  }

  private async open(lock: typeof lockUser, request: IntentRequest): Promise<string> {
    const intent = await this.em.fork().transactional(async (tx) => {
      await lock(tx, request.userId);
      return openIntent(tx, request, this.clock.now());
    });
    reached("intent-opened");
    return intent.id;
  }

  /**
   * Carries an intent through, or waits for whoever does.
   * @throws ProviderUnavailable while the outcome is unknown; Stripe's refusal when there was one; IntentLapsed
   * when it was asked so long ago that it can neither be repeated nor found
   */
  async carryThrough(id: string): Promise<string> {
    return withLogScope({ intentId: id }, async () => {
      const deadline = Date.now() + WAIT_MS;
      for (;;) {
        const intent = await this.em.fork().findOneOrFail(Intent, { id });
        if (intent.state === "SUCCEEDED") return this.settle(id, intent);
        if (intent.state === "FAILED") throw failureOf(intent);
        const leased = await this.lease(id);
        if (leased) {
          reached("intent-leased");
          return this.post(leased);
        }
        if (Date.now() > deadline) throw new ProviderUnavailable();
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    });
  }

  /** Intents that are due, pending or with rows that have not followed, and that nobody carries: for the sweep. */
  async overdue(limit: number): Promise<string[]> {
    const rows = await this.em.fork().execute<{ id: string }[]>(
      `select id from intents
       where settled_at is null and state <> 'FAILED' and next_try_at < now() - interval '5 seconds'
         and (lease_until is null or lease_until < now()) limit ?`,
      [limit],
    );
    return rows.map((row) => row.id);
  }

  private async post(intent: Leased): Promise<string> {
    const renewal = setInterval(() => void this.renew(intent), RENEW_MS);
    let id: string;
    try {
      ({ id } = await this.effect(intent));
    } catch (error) {
      const isUnknown = !(error instanceof IntentLapsed) && outcomeOf(error) === "unknown";
      const isOurs = isUnknown
        ? await this.putOff(intent)
        : await this.fail(intent, error as Error & { code?: string });
      // whoever took over meanwhile finds out what is true
      if (!isOurs) return await this.carryThrough(intent.id);
      throw error;
    } finally {
      clearInterval(renewal);
    }
    reached("intent-posted");
    await asMade(this.succeed(intent, id));
    reached("intent-succeeded");
    return this.settle(intent.id, { ...intent, stripeId: id, settledAt: null });
  }

  /** What the intent made or changed at Stripe: posted now, or found when it was posted too long ago. */
  private async effect(intent: Leased): Promise<{ id: string }> {
    const kind: IntentKind = INTENT_KINDS[intent.kind as IntentKindName];
    const begins = typeof kind.begins === "function" ? kind.begins(intent) : kind.begins;
    if (intent.isUnwanted && begins && !intent.postedAt) throw new UserAnonymized();
    const now = this.clock.now();
    if (intent.postedAt && now.getTime() - intent.postedAt.getTime() > POST_WITHIN_MS) {
      const found = await kind.find(this.stripe, intent);
      if (found) return found;
      throw new IntentLapsed();
    }
    // whoever has it by now may have found that it is not to be made any more
    if (!(await this.updateLeased(intent, "posted_at = coalesce(posted_at, ?)", [now])))
      throw new ProviderUnavailable();
    try {
      return await kind.post(this.stripe, intent, keyOf(intent));
    } catch (error) {
      if (!isReplayedFailure(error)) throw error;
      // Stripe keeps a failure of its own under the key: this attempt will never succeed, though it may have had effect
      return (
        (await kind.find(this.stripe, intent)) ??
        kind.post(this.stripe, await this.nextAttempt(intent, now), keyOf(intent))
      );
    }
  }

  private async nextAttempt(intent: Intent, now: Date): Promise<Intent> {
    intent.attempt += 1;
    if (!(await this.updateLeased(intent, "attempt = ?, posted_at = ?", [intent.attempt, now])))
      throw new ProviderUnavailable();
    return intent;
  }

  /** Our rows follow before the caller is answered; what cannot follow now is followed by a job. */
  private async settle(id: string, intent: Settled): Promise<string> {
    const stripeId = intent.stripeId as string;
    if (intent.settledAt) return stripeId;
    const kind: IntentKind = INTENT_KINDS[intent.kind as IntentKindName];
    await asMade(this.sync.run(kind.aggregate, kind.touches?.(intent) ?? stripeId));
    reached("intent-followed");
    await asMade(this.em.fork().execute("update intents set settled_at = now() where id = ?", [id]));
    return stripeId;
  }

  /**
   * What Stripe has made is made, whoever has the lease by now. From here on the sweep looks after it: our rows follow
   * even if this process ends now.
   */
  private async succeed({ id }: Intent, stripeId: string): Promise<void> {
    await this.em.fork().execute(
      `update intents
         set state = 'SUCCEEDED', stripe_id = ?, error = null, next_try_at = now(), lease_until = null
       where id = ? and state <> 'SUCCEEDED'`,
      [stripeId, id],
    );
  }

  /** False when another has the lease by now. */
  private async putOff(intent: Intent): Promise<boolean> {
    const delay = RETRY_SECONDS[Math.min(intent.tries, RETRY_SECONDS.length) - 1] as number;
    const until = "lease_until = null, next_try_at = now() + ? * interval '1 second'";
    if (!(await this.updateLeased(intent, until, [delay]))) return false;
    this.logger.warn(
      { kind: intent.kind, delay },
      "the outcome of a change at Stripe is unknown; asking again",
    );
    await wake(this.em.fork(), "intent", intent.id, delay);
    return true;
  }

  /** False when another has the lease by now: then it is theirs to say what became of it. */
  private async fail(intent: Intent, error: Error & { code?: string }): Promise<boolean> {
    const declineCode = error instanceof PaymentDeclined ? error.declineCode : undefined;
    const field = error instanceof DomainError ? error.details.field : undefined;
    const reason = { code: error.code ?? error.name, message: error.message, declineCode, field };
    this.logger.warn({ kind: intent.kind, reason }, "Stripe refused a change");
    const note = (em = this.em.fork()) =>
      this.updateLeased(
        intent,
        "state = 'FAILED', lease_until = null, error = ?::jsonb",
        [JSON.stringify(reason)],
        em,
      );
    const { isForOrder }: IntentKind = INTENT_KINDS[intent.kind as IntentKindName];
    return isForOrder ? this.sync.refusedOrder(intent, note) : note();
  }

  /**
   * Takes the intent for this process, on the database's clock; null while another has it. `tries` is counted with
   * every lease, and so tells whose it is.
   */
  private async lease(id: string): Promise<Leased | null> {
    const em = this.em.fork();
    const [row] = await em.execute<{ is_unwanted: boolean }[]>(
      `update intents set lease_until = now() + interval '${LEASE_SECONDS} seconds', tries = tries + 1
       where id = ? and state = 'PENDING' and (lease_until is null or lease_until < now())
       returning *, exists (select from anonymized_users gone where gone.user_id = intents.user_id) as is_unwanted`,
      [id],
    );
    if (!row) return null;
    const { is_unwanted: isUnwanted, ...columns } = row;
    return Object.assign(em.map(Intent, columns), { isUnwanted });
  }

  private async renew(intent: Intent): Promise<void> {
    await this.updateLeased(intent, `lease_until = now() + interval '${LEASE_SECONDS} seconds'`, []).catch(
      // the next renewal, or whoever takes over, makes up for it
      (error: unknown) => this.logger.warn({ err: error }, "the lease of a change could not be renewed"),
    );
  }

  /** Only as long as the lease is this process's. Whether it was. */
  private async updateLeased(
    { id, tries }: Intent,
    set: string,
    params: unknown[],
    em = this.em.fork(),
  ): Promise<boolean> {
    const rows = await em.execute<unknown[]>(
      `update intents set ${set} where id = ? and state = 'PENDING' and tries = ? returning 1`,
      [...params, id, tries],
    );
    return rows.length > 0;
  }
}

/** What Stripe has made is not told as what did not happen: whoever asks again joins it. */
const asMade = <T>(following: Promise<T>): Promise<T> =>
  following.catch((error: unknown) => {
    const isHidden = isPassing(error) || (isRefusal(error) && !(error instanceof UserAnonymized));
    throw isHidden ? new ProviderUnavailable(error) : error;
  });

/** With whether its user is being anonymised: what begins something, and was never posted, is not made any more. */
type Leased = Intent & { isUnwanted: boolean };
type Settled = Pick<Intent, "kind" | "subject" | "params" | "stripeId" | "settledAt">;

/** Stripe's idempotency key: the intent, the attempt and what is asked. */
const keyOf = ({ id, attempt, paramsHash }: Intent) => `${id}:${attempt}:${paramsHash.slice(0, 32)}`;
