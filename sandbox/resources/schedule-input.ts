import { type Phase, type PhaseInput, phasesFrom, type Schedule } from "../billing/schedules/phases.ts";
import { NO_INVOICE_SETTINGS } from "../billing/schedules/schedules.ts";
import { invalidParameter } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { withMetadata } from "../metadata.ts";
import type { Infer } from "../params.ts";
import type { Transaction } from "../transaction.ts";
import type { createParams, phaseChange } from "./schedule-params.ts";
import { assertAttached } from "./subscription-create.ts";
import { extraItem, itemInput } from "./subscription-item-input.ts";

type PhaseParams = Infer<typeof phaseChange>;
type Settings = NonNullable<Infer<typeof createParams>["default_settings"]>;

/** The phases that parameters describe, the first one beginning at `start`. */
export function phases(
  tx: Transaction,
  given: PhaseParams[],
  start: number,
  customer: Kinds["customer"],
): Phase[] {
  const inputs = given.map((one, index) => phaseInput(tx, one, `phases[${index}]`, customer.id));
  return phasesFrom(tx, inputs, start, customer);
}

function phaseInput(tx: Transaction, given: PhaseParams, param: string, customer: string): PhaseInput {
  const { add_invoice_items, discounts, invoice_settings, items, metadata, ...rest } = given;
  if (rest.default_payment_method) assertAttached(tx, rest.default_payment_method, customer);
  return {
    ...rest,
    end_date: moment(tx, rest.end_date),
    trial_end: moment(tx, rest.trial_end),
    items: items.map((item, index) => itemInput(tx, item, `${param}[items][${index}]`)),
    add_invoice_items: add_invoice_items?.map((extra, index) => {
      const {
        price,
        quantity = 1,
        metadata: own = {},
      } = extraItem(tx, extra, `${param}[add_invoice_items][${index}]`);
      return {
        discountable: extra.discountable ?? null,
        discounts: [],
        metadata: own,
        period: { end: { type: "min_item_period_end" }, start: { type: "phase_start" } },
        price: price.id,
        quantity,
        tax_rates: [],
      };
    }),
    days_until_due: invoice_settings?.days_until_due,
    discounts: (discounts ?? []).map(({ coupon, discount, promotion_code }) => ({
      coupon: coupon ?? null,
      discount: discount ?? null,
      promotion_code: promotion_code ?? null,
    })),
    metadata: withMetadata({}, metadata),
  };
}

const moment = (tx: Transaction, at: number | "now" | undefined): number | undefined =>
  at === "now" ? tx.now : at;

/** Where the phases of an update begin: with the one that is on, which stays in its place. */
export function firstStart(tx: Transaction, schedule: Schedule, given: PhaseParams[]): number {
  const on = schedule.current_phase;
  const start = moment(tx, given[0]?.start_date) ?? on?.start_date ?? schedule.phases[0]!.start_date;
  if (!on || start === on.start_date) return start;
  const past = schedule.phases.find(({ start_date }) => start_date === start);
  if (past) return start;
  throw invalidParameter(
    "phases[0][start_date]",
    "The current phase must be among the phases, and its start date cannot be changed.",
  );
}

/** The default settings that parameters change. */
export function settings(
  tx: Transaction,
  given: Settings | undefined,
  before: Schedule["default_settings"] | undefined,
  customer: string,
): Partial<Schedule["default_settings"]> | undefined {
  if (!given) return undefined;
  const { automatic_tax: _, invoice_settings, ...rest } = given;
  if (rest.default_payment_method) assertAttached(tx, rest.default_payment_method, customer);
  const plain = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const own = before?.invoice_settings ?? NO_INVOICE_SETTINGS;
  const days_until_due = invoice_settings?.days_until_due ?? own.days_until_due;
  return { ...plain, invoice_settings: { ...own, days_until_due } };
}
