import type { EntityManager } from "@mikro-orm/postgresql";
import type { Redis } from "ioredis";
import { v4 } from "uuid";
import { audit } from "../audit.ts";
import { type Caller, isPseudonym, OPAQUE_ID, pseudonymOf } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { AnonymizedUser } from "../entities/anonymized-user.ts";
import { Customer } from "../entities/customer.ts";
import { FormerCustomer } from "../entities/former-customer.ts";
import { BadUserInput, Conflict, ServiceUnavailable, UserAnonymized } from "../errors.ts";
import { dropDecisions } from "../events/decision-store.ts";
import type { OutboxRelay } from "../events/relay.ts";
import { forgetSubject } from "../events/stream.ts";
import type { Intents } from "../intents/intents.ts";
import { cutLink, forgetRest, sever } from "../sync/severing.ts";
import { lockUserToFollow } from "../user-lock.ts";
import type { BillingClosing } from "./billing-closing.ts";
import type { IdempotencyService } from "./idempotency.service.ts";
import type { StrayCustomers } from "./stray-customers.ts";

const BY_US = { actor: "service:payment", reason: null };
const ROUNDS = 3;
/** Another process may be sending them just then. */
const SENT_WITHIN_MS = 5_000;
const POLL_MS = 50;

/**
 * Makes a user nobody, for good (decision 0024): billing is ended first, then who they are is severed from all rows, then
 * from Redis, Stripe's customer and what events told. The row says how far it has come, and every step may be repeated.
 */
export class AnonymizationService {
  constructor(
    private readonly em: EntityManager,
    private readonly closing: BillingClosing,
    private readonly intents: Intents,
    private readonly parts: {
      strays: StrayCustomers;
      clock: Clock;
      idempotency: IdempotencyService;
      relay: OutboxRelay;
      redis: Redis;
    },
  ) {}

  /**
   * For good. A call that is refused for now (its error is retryable) has begun all the same, and is carried on by itself.
   * @throws Forbidden, BadUserInput, Conflict, ProviderUnavailable
   */
  anonymize(caller: Caller, userId: string, idempotencyKey: string | null): Promise<AnonymizedUser> {
    caller.assertAdmin();
    if (!OPAQUE_ID.test(userId) || isPseudonym(userId))
      throw new BadUserInput("userId", "A user id has 1 to 128 printable characters.");
    return this.parts.idempotency.run({
      ...{ caller, key: idempotencyKey, operation: "anonymizeUser", input: { userId } },
      work: async () => {
        await this.begin(caller, userId);
        await this.carryThrough(userId);
        return userId;
      },
      read: (reference) => this.find(reference),
    });
  }

  /** Does what is left to do of one that was begun. */
  async carryThrough(userId: string): Promise<void> {
    for (let round = 0; ; round++) {
      if ((await this.find(userId)).severedAt) break;
      if (round === ROUNDS)
        throw new Conflict("Something of this user is still under way. It is tried again by itself.", {
          retryable: true,
        });
      try {
        await this.closing.close(userId, BY_US);
        await this.tellWhatEnded(userId);
        await this.severRows(userId);
      } catch (error) {
        // another call has severed them meanwhile: what is left is the same for both
        if (!(error instanceof UserAnonymized)) throw error;
      }
    }
    const { pseudonym } = await this.find(userId);
    if (!pseudonym) return;
    // a page may have been paid in the last moment: what that made is nobody's, and ends all the same
    await this.closing.close(pseudonym, BY_US);
    await this.forgetInRedis(userId);
    for (const customer of await this.customersOf(pseudonym))
      await this.intents.run({ userId: pseudonym, kind: "blank-customer", subject: customer, params: {} });
    await this.parts.strays.blank(userId);
    await forgetRest(this.em.fork(), { userId, pseudonym });
    await cutLink(this.em.fork(), userId, this.parts.clock.now());
  }

  /** From here on nothing new begins for the user, and nobody forgets to go on. */
  private async begin(caller: Caller, userId: string): Promise<void> {
    if (await this.em.fork().findOne(AnonymizedUser, { userId })) return;
    await this.em.fork().transactional(async (tx) => {
      await lockUserToFollow(tx, userId);
      if (await tx.findOne(AnonymizedUser, { userId })) return;
      const at = this.parts.clock.now();
      await tx.execute(TOMBSTONE, [userId, pseudonymOf(v4()), at]);
      audit(tx, {
        ...{ at, actor: caller.actor, action: "anonymizeUser" },
        ...{ tableName: "anonymized_users", rowId: userId },
      });
    });
  }

  /** Others still have to hear, under the user's own id, that access has ended. @throws ServiceUnavailable until they can */
  private async tellWhatEnded(userId: string): Promise<void> {
    const waiting = "select 1 from outbox where user_id = ? and sent_at is null limit 1";
    for (const deadline = Date.now() + SENT_WITHIN_MS; ; ) {
      await this.parts.relay.send(userId);
      if ((await this.em.fork().execute<unknown[]>(waiting, [userId])).length === 0) return;
      if (Date.now() > deadline) throw new ServiceUnavailable();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** What was sent, and what was decided. @throws ServiceUnavailable while Redis cannot be reached */
  private async forgetInRedis(userId: string): Promise<void> {
    try {
      await forgetSubject(this.parts.redis, userId);
      await dropDecisions(this.parts.redis, userId);
    } catch (error) {
      throw new ServiceUnavailable(error);
    }
  }

  /** All rows in one transaction, unless something of the user began meanwhile: then that is ended first. */
  private async severRows(userId: string): Promise<void> {
    await this.em.fork().transactional(async (tx) => {
      await lockUserToFollow(tx, userId);
      const row = await tx.findOneOrFail(AnonymizedUser, { userId });
      const now = this.parts.clock.now();
      const underWay = await tx.execute<unknown[]>(UNDER_WAY, [userId, now]);
      if (row.severedAt || underWay.length > 0) return;
      await sever(tx, userId, row.pseudonym as string);
      row.severedAt = now;
    });
  }

  private async customersOf(userId: string): Promise<string[]> {
    const em = this.em.fork();
    const [now, before] = [await em.find(Customer, { userId }), await em.find(FormerCustomer, { userId })];
    return [...now, ...before].map(({ stripeCustomerId }) => stripeCustomerId);
  }

  private find(userId: string): Promise<AnonymizedUser> {
    return this.em.fork().findOneOrFail(AnonymizedUser, { userId });
  }
}

/** For a minute it is the call's own to finish: the round would only be in its way. */
const TOMBSTONE = `
  insert into anonymized_users (user_id, pseudonym, requested_at, next_try_at)
  values (?, ?, ?, now() + interval '60 seconds')`;

/**
 * What has to come to an end under the user's own id: changes at Stripe, subscriptions, orders, grants in force, events to
 * be sent.
 */
const UNDER_WAY = `
  with asked as materialized (select ?::text as user_id, ?::timestamptz as now)
  select 1 from intents t, asked where t.user_id = asked.user_id and settled_at is null and state <> 'FAILED'
  union all select 1 from subscriptions t, asked
   where t.user_id = asked.user_id and status not in ('CANCELED', 'INCOMPLETE_EXPIRED')
  union all select 1 from purchases t, asked where t.user_id = asked.user_id and withdrawn_at is null
  union all select 1 from user_access t, asked
   where t.user_id = asked.user_id and revoked_at is null and starts_at <= asked.now
     and (expires_at is null or expires_at > asked.now)
  union all select 1 from outbox t, asked where t.user_id = asked.user_id and sent_at is null
  limit 1`;
