import { invalidParameter, paramIn } from "../../errors.ts";
import type { Kinds, PriceTerms } from "../../kinds.ts";
import { plainDecimal } from "../../money.ts";
import { assertPayable } from "../payments/amounts.ts";

type Price = Kinds["price"];
type Tier = PriceTerms["tiers"][number];
type Option = PriceTerms["currency_options"][string];

/** An amount as it is asked for: in whole minor units, or as a decimal of them. */
interface Amount {
  unit_amount?: number | undefined;
  unit_amount_decimal?: string | undefined;
}

interface TierInput extends Amount {
  flat_amount?: number | undefined;
  flat_amount_decimal?: string | undefined;
  up_to: number | "inf";
}

export interface CurrencyOptionInput extends Amount {
  tax_behavior?: Option["tax_behavior"] | undefined;
  tiers?: TierInput[] | undefined;
}

/** The parts of a price that say what it costs. */
export interface TermsInput extends Amount {
  billing_scheme?: Price["billing_scheme"] | undefined;
  currency_options?: Record<string, CurrencyOptionInput> | undefined;
  tiers?: TierInput[] | undefined;
  tiers_mode?: Price["tiers_mode"] | undefined;
  transform_quantity?: Price["transform_quantity"] | undefined;
}

/** Where amounts are given: their currency, and the name of the parameter around them (none at the top). */
export interface Place {
  currency: string;
  param: string;
}

/**
 * Both ways to write an amount; whole minor units only where it has no fraction. What is given as such
 * can be paid exactly; a decimal need not, because it is paid many times over.
 */
function bothWays(
  name: "unit_amount" | "flat_amount",
  { [name]: whole, [`${name}_decimal` as const]: decimal }: Partial<TierInput>,
  { currency, param }: Place,
) {
  if (whole !== undefined && decimal !== undefined) {
    const message = `You may only specify one of these parameters: ${name}, ${name}_decimal.`;
    throw invalidParameter(paramIn(param, `${name}_decimal`), message, "parameters_exclusive");
  }
  if (whole !== undefined) assertPayable(whole, currency, paramIn(param, name));
  const text = decimal ?? whole?.toString();
  if (text === undefined) return { whole: null, decimal: null };
  const plain = plainDecimal(text);
  return { whole: plain.includes(".") ? null : Number(plain), decimal: plain };
}

/** The unit amount of a price that has one. */
export function unitAmount(
  input: Amount,
  place: Place,
): { unit_amount: number | null; unit_amount_decimal: string } {
  const { whole, decimal } = bothWays("unit_amount", input, place);
  if (decimal === null) {
    throw invalidParameter(
      paramIn(place.param, "unit_amount"),
      "You must specify either `unit_amount` or `unit_amount_decimal`.",
      "parameter_missing",
    );
  }
  return { unit_amount: whole, unit_amount_decimal: decimal };
}

/** Tiers go up, and the last one has no end. */
export function tiersOf(input: TierInput[] | undefined, { currency, param }: Place): Tier[] {
  const tiers = input ?? [];
  if (tiers.at(-1)?.up_to !== "inf") {
    throw invalidParameter(param, "The last tier must be a catch-all: its `up_to` must be `inf`.");
  }
  return tiers.map((tier, at) => {
    const path = `${param}[${at}]`;
    const before = tiers[at - 1]?.up_to ?? 0;
    if (before === "inf" || (tier.up_to !== "inf" && tier.up_to <= before)) {
      throw invalidParameter(`${path}[up_to]`, "The tiers must be in ascending order of `up_to`.");
    }
    const unit = bothWays("unit_amount", tier, { currency, param: path });
    const flat = bothWays("flat_amount", tier, { currency, param: path });
    if (unit.decimal === null && flat.decimal === null) {
      throw invalidParameter(
        path,
        "Each tier needs a `unit_amount` or a `flat_amount`.",
        "parameter_missing",
      );
    }
    return {
      flat_amount: flat.whole,
      flat_amount_decimal: flat.decimal,
      unit_amount: unit.whole,
      unit_amount_decimal: unit.decimal,
      up_to: tier.up_to === "inf" ? null : tier.up_to,
    };
  });
}

/** A price's other currencies. */
export function currencyOptionsOf(
  price: Pick<Price, "billing_scheme" | "currency">,
  input: Record<string, CurrencyOptionInput>,
  around = "",
): PriceTerms["currency_options"] {
  const options: PriceTerms["currency_options"] = {};
  for (const [code, option] of Object.entries(input)) {
    const param = `${paramIn(around, "currency_options")}[${code}]`;
    if (!/^[a-z]{3}$/.test(code)) throw invalidParameter(param, `Invalid currency: ${code}`);
    if (code === price.currency) {
      throw invalidParameter(param, "The price's own currency cannot be one of its `currency_options`.");
    }
    const isTiered = price.billing_scheme === "tiered";
    options[code] = {
      custom_unit_amount: null,
      tax_behavior: option.tax_behavior ?? "unspecified",
      ...(isTiered
        ? {
            tiers: tiersOf(option.tiers, { currency: code, param: `${param}[tiers]` }),
            unit_amount: null,
            unit_amount_decimal: null,
          }
        : unitAmount(option, { currency: code, param })),
    };
  }
  return options;
}

/** What of a price's scheme does not go together. */
export function assertScheme(input: TermsInput): void {
  const { billing_scheme = "per_unit", tiers, tiers_mode, transform_quantity } = input;
  const refuse = (param: string, message: string, code?: string) => invalidParameter(param, message, code);
  if (billing_scheme === "per_unit") {
    if (tiers) throw refuse("tiers", "`tiers` can only be used with `billing_scheme=tiered`.");
    if (tiers_mode) throw refuse("tiers_mode", "`tiers_mode` can only be used with `billing_scheme=tiered`.");
    return;
  }
  if (!tiers) throw refuse("tiers", "`tiers` is required with `billing_scheme=tiered`.", "parameter_missing");
  if (!tiers_mode)
    throw refuse("tiers_mode", "`tiers_mode` is required with `billing_scheme=tiered`.", "parameter_missing");
  if (transform_quantity)
    throw refuse("transform_quantity", "`transform_quantity` cannot be combined with `tiers`.");
  if (input.unit_amount !== undefined || input.unit_amount_decimal !== undefined)
    throw refuse("unit_amount", "A tiered price has no `unit_amount` of its own.", "parameters_exclusive");
}

/** The currencies of a price as it shows them when asked to, its own among them. */
export function shownCurrencyOptions(price: Price, terms: PriceTerms | undefined): Record<string, Option> {
  const own: Option = {
    custom_unit_amount: null,
    tax_behavior: price.tax_behavior,
    ...(price.billing_scheme === "tiered" && { tiers: terms?.tiers ?? [] }),
    unit_amount: price.unit_amount,
    unit_amount_decimal: price.unit_amount_decimal,
  };
  return { ...terms?.currency_options, [price.currency]: own };
}
