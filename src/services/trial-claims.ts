import { createHmac } from "node:crypto";
import type { EntityManager } from "@mikro-orm/postgresql";
import type { Caller } from "../auth/caller.ts";
import { Customer } from "../entities/customer.ts";
import type { Plan } from "../entities/plan.ts";
import { Subscription } from "../entities/subscription.ts";
import { CLAIM_KINDS, type ClaimKind, TrialClaim } from "../entities/trial-claim.ts";
import { flush } from "../flush.ts";
import { openIntent } from "../intents/open-intent.ts";
import { wake } from "../jobs/wake.ts";
import type { Write } from "../sync/write.ts";

/** By what a person is known again. */
type Traits = Partial<Record<ClaimKind, string | null | undefined>>;

/**
 * A trial is had once a person, whatever the plan: known again by user id, e-mail address and card. A claim is made when
 * a trial begins, in the transaction that first sees it, so one that never began claims nothing. Checkout shows the card
 * only then: whoever comes second with it is cancelled at once and charged nothing.
 */
export class TrialClaims {
  constructor(
    private readonly em: EntityManager,
    private readonly secret: string,
  ) {}

  /** The free days that the caller gets with a plan: none when they are known to have had a trial, or were refused one. */
  async daysFor(caller: Caller, plan: Plan): Promise<number> {
    return plan.trialDays === 0 || (await this.hasHad(caller)) ? 0 : plan.trialDays;
  }

  /** Whether the caller is known to have had a trial, of whatever plan, or was refused one. */
  async hasHad(caller: Caller): Promise<boolean> {
    const em = this.em.fork();
    const customer = await em.findOne(Customer, { userId: caller.id });
    const emails = [caller.email, customer?.email].map((email) => this.keyOf("email", email));
    const keys = [this.keyOf("user", caller.id), ...emails].filter((key) => key !== null);
    if ((await em.count(TrialClaim, { $or: keys })) > 0) return true;
    return (await em.count(Subscription, { userId: caller.id, isTrialRefused: true })) > 0;
  }

  /**
   * Within the sync of a trial: claims it for the person, or finds that they have had one.
   * @param card Stripe's fingerprint of the card that it is to be paid with
   * @param isOurTrial false for one that somebody gave in Stripe's dashboard: that is theirs to give
   */
  async follow(
    write: Write,
    row: Subscription,
    { card, isOurTrial }: { card: string | null; isOurTrial: boolean },
  ): Promise<void> {
    if (row.status !== "TRIALING") return;
    const { tx, userId } = write;
    await flush(tx);
    const customer = await tx.findOne(Customer, { userId });
    const isFirst = await this.claim(write, row, { user: userId, email: customer?.email, card });
    if (isFirst || !isOurTrial) return;
    const subject = row.stripeSubscriptionId;
    const request = { userId, kind: "cancel-second-trial", subject, params: {} } as const;
    // asked for again at each look, until it has ended: one that Stripe refused is tried anew
    const intent = await openIntent(tx, request, write.now);
    if (intent.state === "PENDING") await wake(tx, "intent", intent.id);
    if (row.isTrialRefused) return;
    row.isTrialRefused = true;
    write.remark("subscriptions", row.id, "refuse-trial", "This person has had a trial before: it ends now.");
  }

  /**
   * False, and nothing claimed, when any of it stands for another trial. A trial that has begun is not taken away by
   * what its owner adds to it later: that is claimed where it is free.
   */
  private async claim(
    { tx, userId, now }: Write,
    { stripeSubscriptionId }: Subscription,
    traits: Traits,
  ): Promise<boolean> {
    const hasBegun = (await tx.count(TrialClaim, { kind: "user", stripeSubscriptionId })) > 0;
    // always in one order, so that two who share several traits cannot wait for each other; of several users who
    // share a transaction two may, and then each is written alone (decision 0021)
    const keys = CLAIM_KINDS.map((kind) => this.keyOf(kind, traits[kind])).filter((key) => key !== null);
    for (const { kind, hmac } of keys) {
      await tx.execute(
        `insert into trial_claims (kind, hmac, user_id, stripe_subscription_id, claimed_at)
         values (?, ?, ?, ?, ?) on conflict (kind, hmac) do nothing`,
        [kind, hmac, userId, stripeSubscriptionId, now],
      );
      // a statement of its own: it sees whoever the insert had to wait for
      if (hasBegun || (await tx.count(TrialClaim, { kind, hmac, stripeSubscriptionId })) > 0) continue;
      await tx.nativeDelete(TrialClaim, { stripeSubscriptionId });
      return false;
    }
    return true;
  }

  private keyOf(kind: ClaimKind, value: string | null | undefined): { kind: ClaimKind; hmac: string } | null {
    const plain = kind === "email" ? normalisedEmail(value ?? "") : value;
    if (!plain) return null;
    const hmac = createHmac("sha256", this.secret).update(`${kind}:${plain}`).digest("base64url");
    return { kind, hmac };
  }
}

/** What Stripe is to do when a trial ends and nothing can be charged. */
export const trialSettings = ({ trialEndBehavior }: Plan) => ({
  end_behavior: { missing_payment_method: trialEndBehavior.toLowerCase() },
});

/** One spelling for all that reach one mailbox: case, `+tags`, and the dots that Gmail does not see. */
export function normalisedEmail(email: string): string {
  const [local = "", domain = ""] = email
    .trim()
    .toLowerCase()
    .split(/@(?=[^@]*$)/);
  const name = local.split("+")[0] as string;
  const isGmail = domain === "gmail.com" || domain === "googlemail.com";
  return domain ? `${isGmail ? name.replaceAll(".", "") : name}@${isGmail ? "gmail.com" : domain}` : "";
}
