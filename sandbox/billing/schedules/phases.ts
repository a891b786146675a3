import { invalidParameter, invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { termsIn } from "../catalogue/pricing.ts";
import { assertItemsFit, type ItemInput } from "../subscriptions/items.ts";
import { type Recurrence, recurrenceAfter } from "../subscriptions/periods.ts";

export type Schedule = Kinds["subscription_schedule"];
export type Phase = Schedule["phases"][number];

/** What a phase is to be; what is not said comes from the schedule's default settings. */
export interface PhaseInput {
  items: ItemInput[];
  /** Either of the two; without them one recurrence of the first price. */
  duration?: { interval: Recurrence["interval"]; interval_count?: number } | undefined;
  end_date?: number | undefined;
  currency?: string | undefined;
  add_invoice_items?: Phase["add_invoice_items"];
  billing_cycle_anchor?: "automatic" | "phase_start" | undefined;
  collection_method?: "charge_automatically" | "send_invoice" | undefined;
  days_until_due?: number | undefined;
  default_payment_method?: string | undefined;
  description?: string | null | undefined;
  discounts?: Phase["discounts"];
  metadata?: Record<string, string>;
  proration_behavior?: Phase["proration_behavior"];
  trial?: boolean | undefined;
  trial_end?: number | undefined;
}

/** The phases of a schedule, each beginning where the one before ends. */
export function phasesFrom(
  tx: Transaction,
  inputs: PhaseInput[],
  start: number,
  customer: Kinds["customer"],
): Phase[] {
  if (inputs.length === 0) {
    throw invalidParameter("phases", "A schedule needs at least one phase.", "parameter_missing");
  }
  const phases: Phase[] = [];
  for (const [index, input] of inputs.entries()) {
    const begin = phases.at(-1)?.end_date ?? start;
    phases.push(phaseFrom(tx, input, begin, { customer, param: `phases[${index}]` }));
  }
  return phases;
}

function phaseFrom(
  tx: Transaction,
  input: PhaseInput,
  start_date: number,
  { customer, param }: { customer: Kinds["customer"]; param: string },
): Phase {
  assertItemsFit(input.items, "flexible");
  const currency = input.currency ?? customer.currency ?? input.items[0]!.price.currency;
  for (const { price } of input.items) termsIn(tx, price, currency);
  const end_date = endOf(input, start_date, param);
  const trial_end = input.trial ? end_date : (input.trial_end ?? null);
  if (trial_end !== null && (trial_end <= start_date || trial_end > end_date)) {
    throw invalidParameter(`${param}[trial_end]`, "A trial must end within its phase.");
  }
  return {
    add_invoice_items: input.add_invoice_items ?? [],
    application_fee_percent: null,
    billing_cycle_anchor: input.billing_cycle_anchor ?? null,
    billing_thresholds: null,
    collection_method: input.collection_method ?? null,
    currency,
    default_payment_method: input.default_payment_method ?? null,
    default_tax_rates: [],
    description: input.description ?? null,
    discounts: input.discounts ?? [],
    end_date,
    invoice_settings:
      input.days_until_due === undefined
        ? null
        : {
            account_tax_ids: null,
            custom_fields: null,
            days_until_due: input.days_until_due,
            description: null,
            footer: null,
            issuer: null,
          },
    items: input.items.map(phaseItem),
    metadata: input.metadata ?? {},
    on_behalf_of: null,
    proration_behavior: input.proration_behavior ?? "create_prorations",
    start_date,
    transfer_data: null,
    trial_end,
  };
}

function phaseItem({ price, quantity, metadata = {} }: ItemInput): Phase["items"][number] {
  const counted = price.recurring?.usage_type === "metered" ? {} : { quantity: quantity ?? 1 };
  return {
    billing_thresholds: null,
    discounts: [],
    metadata,
    plan: price.id,
    price: price.id,
    tax_rates: [],
    ...counted,
  };
}

function endOf({ duration, end_date, items }: PhaseInput, start: number, param: string): number {
  if (duration && end_date !== undefined) {
    throw invalidParameter(
      `${param}[end_date]`,
      "You may only specify one of these parameters: duration, end_date.",
      "parameters_exclusive",
    );
  }
  if (end_date === undefined) {
    const { interval, interval_count = 1 } = duration ?? items[0]!.price.recurring!;
    return recurrenceAfter(start, { interval, interval_count }, 1);
  }
  if (end_date > start) return end_date;
  throw invalidRequest("A phase must end after it starts.", { param: `${param}[end_date]` });
}

/** The phase that is on at a moment, or is the next to begin. */
export const phaseAt = ({ phases }: Pick<Schedule, "phases">, at: number): Phase | undefined =>
  phases.find(({ end_date }) => end_date > at);
