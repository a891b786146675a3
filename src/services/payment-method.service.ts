import { randomUUID } from "node:crypto";
import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import { type AuditFacts, audit } from "../audit.ts";
import type { Caller } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { PaymentMethod } from "../entities/payment-method.ts";
import { Subscription } from "../entities/subscription.ts";
import { BadUserInput, Conflict, DomainError, NotFound } from "../errors.ts";
import { hashOf } from "../hash.ts";
import { isRefusal } from "../intents/failures.ts";
import type { Intents } from "../intents/intents.ts";
import { METHOD_CHANGES } from "../intents/payment-methods.ts";
import type { Turns } from "../intents/turns.ts";
import type { AddPaymentMethodInput } from "../resolvers/inputs/payment-method.inputs.ts";
import { isMissing } from "../stripe/errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import type { Sync } from "../sync/sync.ts";
import type { CustomerService } from "./customer.service.ts";
import type { IdempotencyService } from "./idempotency.service.ts";

/** States in which the next period is paid for by itself. */
const RENEWING = ["TRIALING", "ACTIVE", "PAST_DUE"] as const;
/** What a change of methods waits for: the others, and what may be putting a schedule over a subscription just now. */
const BEFORE_US = [...METHOD_CHANGES, "change-subscription"] as const;
const TEST_METHOD = /^pm_card_/;
const FIELD = "input.stripePaymentMethodId";

/** What methods are changed with. */
export interface PaymentMethodParts {
  stripe: StripeGateway;
  sync: Sync;
  intents: Intents;
  turns: Turns;
  customers: CustomerService;
  idempotency: IdempotencyService;
  clock: Clock;
  /** Whether Stripe is in live mode, where its test methods are nothing. */
  livemode: boolean;
}

/** How a user pays: the methods attached to their Stripe customer, one of which is charged by default. */
export class PaymentMethodService {
  constructor(
    private readonly em: EntityManager,
    private readonly parts: PaymentMethodParts,
  ) {}

  /** Each user's methods, newest first. */
  of(userIds: readonly string[]): Promise<PaymentMethod[]> {
    return this.em
      .fork()
      .find(
        PaymentMethod,
        { userId: { $in: [...userIds] } },
        { orderBy: { stripeCreatedAt: "desc", id: "desc" } },
      );
  }

  /**
   * Attaches what Stripe.js made. It is charged from now on when that is asked, or when nothing is charged yet.
   * @throws PaymentDeclined, BadUserInput for a method that is unknown, spent or somebody else's
   */
  async add(caller: Caller, input: AddPaymentMethodInput): Promise<PaymentMethod> {
    const userId = caller.ownId();
    return this.parts.idempotency.run({
      ...{ caller, key: input.idempotencyKey, operation: "addPaymentMethod", input },
      work: async () => {
        await this.assertAttachable(userId, input.stripePaymentMethodId);
        const stripePaymentMethodId = await this.attach(caller, input);
        return (await this.row({ userId, stripePaymentMethodId })).id;
      },
      read: (id) => this.row({ userId, id }),
    });
  }

  /** Makes one of the caller's methods the one that is charged, by their subscription too. @throws NotFound */
  async makeDefault(caller: Caller, id: string, key: string | null): Promise<PaymentMethod> {
    const userId = caller.ownId();
    return this.parts.idempotency.run({
      ...{ caller, key, operation: "setDefaultPaymentMethod", input: { id } },
      intent: { kind: "set-default-payment-method", answer: async () => id },
      work: () => this.change(caller, "set-default-payment-method", id),
      read: () => this.row({ userId, id }),
    });
  }

  /**
   * Detaches one of the caller's methods; when it was charged by default, the newest of the others is from now on.
   * @throws NotFound, Conflict for the last one of a subscription that renews
   */
  async remove(caller: Caller, id: string, key: string | null): Promise<boolean> {
    caller.ownId();
    return this.parts.idempotency.run({
      ...{ caller, key, operation: "removePaymentMethod", input: { id } },
      intent: { kind: "remove-payment-method", answer: async () => id },
      work: () => this.change(caller, "remove-payment-method", id),
      read: async () => true,
    });
  }

  /** What a card form in the browser needs to store a method. The secret is read when answered, and kept nowhere. */
  async createSetupIntent(caller: Caller, key: string | null): Promise<{ clientSecret: string }> {
    const userId = caller.ownId();
    // a call that is repeated while the outcome of the first is unknown joins it
    const subject = key === null ? randomUUID() : hashOf([caller.actor, key]);
    return this.parts.idempotency.run({
      ...{ caller, key, operation: "createSetupIntent", input: {} },
      work: () =>
        this.parts.customers.use(caller, (customer) =>
          this.parts.intents.run({ userId, kind: "create-setup-intent", subject, params: { customer } }),
        ),
      read: async (id) => {
        const clientSecret = (await this.parts.stripe.methods.setupIntent(id))?.client_secret;
        if (!clientSecret) throw new NotFound("setup intent");
        return { clientSecret };
      },
    });
  }

  /** Before a customer is made for it: whether there is such a method, and it is nobody else's. */
  private async assertAttachable(userId: string, stripePaymentMethodId: string): Promise<void> {
    if (TEST_METHOD.test(stripePaymentMethodId) && !this.parts.livemode) return;
    const method = await this.parts.stripe.methods.find(stripePaymentMethodId);
    const owner = method?.customer ?? null;
    if (!method || (owner !== null && owner !== (await this.parts.customers.find(userId)))) throw unusable();
  }

  private async attach(caller: Caller, input: AddPaymentMethodInput): Promise<string> {
    const { stripePaymentMethodId: subject, setDefault: isDefault } = input;
    try {
      return await this.parts.customers.use(caller, (customer) =>
        this.parts.turns.run(
          { userId: caller.id, kind: "add-payment-method", subject, params: { customer, isDefault } },
          {
            kinds: BEFORE_US,
            begin: async (tx) =>
              this.note(tx, caller, {
                action: "add-payment-method",
                tableName: "customers",
                rowId: caller.id,
              }),
          },
        ),
      );
    } catch (error) {
      // what Stripe says of a method that is spent, or that somebody else was quicker to attach
      if (isRefusal(error) && !(error instanceof DomainError)) throw unusable();
      throw error;
    }
  }

  /** A change of one of the user's own methods, once those before it have been made. Returns its id. */
  private async change(
    caller: Caller,
    kind: "set-default-payment-method" | "remove-payment-method",
    id: string,
  ): Promise<string> {
    const userId = caller.id;
    const { stripePaymentMethodId: subject } = await this.row({ userId, id });
    const customer = await this.parts.customers.find(userId);
    if (!customer) throw new NotFound("payment method");
    // as Stripe has it: what was done elsewhere a moment ago counts
    await this.parts.sync.customer(customer);
    const request = { userId, kind, subject, params: { customer } };
    try {
      await this.parts.turns.run(request, {
        kinds: BEFORE_US,
        begin: async (tx) => {
          if (!(await tx.findOne(PaymentMethod, { userId, id }))) throw new NotFound("payment method");
          if (kind === "remove-payment-method") await assertNotNeeded(tx, userId);
          this.note(tx, caller, { action: kind, tableName: "payment_methods", rowId: id });
        },
      });
    } catch (error) {
      if (!isMissing(error)) throw error;
      await this.parts.sync.customer(customer);
      throw new NotFound("payment method");
    }
    return id;
  }

  private note(
    tx: EntityManager,
    { actor, id: userId }: Caller,
    what: Pick<AuditFacts, "action" | "tableName" | "rowId">,
  ): void {
    audit(tx, { at: this.parts.clock.now(), actor, userId, ...what });
  }

  private async row(one: { userId: string } & Partial<PaymentMethod>): Promise<PaymentMethod> {
    const found = one.id && !isUuid(one.id) ? null : await this.em.fork().findOne(PaymentMethod, one);
    if (!found) throw new NotFound("payment method");
    return found;
  }
}

/** The same for every reason: whether a method exists is nobody's business but its owner's. */
const unusable = () =>
  new BadUserInput(FIELD, "This payment method cannot be used. Enter the card again to make a new one.");

async function assertNotNeeded(tx: EntityManager, userId: string): Promise<void> {
  if ((await tx.count(PaymentMethod, { userId })) > 1) return;
  const renewing = { userId, status: { $in: [...RENEWING] }, cancelAtPeriodEnd: false, cancelAt: null };
  if ((await tx.count(Subscription, renewing)) > 0)
    throw new Conflict(
      "Your subscription renews with this payment method. Add another one first, or cancel the subscription.",
    );
}
