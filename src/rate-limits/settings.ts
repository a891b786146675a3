import { z } from "zod";
import { list, oneOf, wholeNumber } from "../config-values.ts";
import type { RateClass } from "./classes.ts";
import { isAddressRange } from "./client-address.ts";

/** In production. Elsewhere reads are not limited: who tries how fast it is asks as one caller. */
const READS_A_MINUTE = 6_000;
const rate = wholeNumber(0, 10_000_000);

/** The variables that say how often a caller may ask, and who says which caller it is. */
export const rateLimits = z.object({
  TRUST_PROXY: z
    .string()
    .transform(list)
    .refine(
      (values) => values.every(isAddressRange),
      "must be addresses or CIDRs such as 10.0.0.0/8, comma-separated",
    )
    .default([]),
  RATE_LIMIT: oneOf("on", "off").default("on"),
  RATE_LIMIT_READS: rate.optional(),
  RATE_LIMIT_MUTATIONS: rate.default(120),
  RATE_LIMIT_CHECKOUTS: rate.default(20),
  RATE_LIMIT_CODES: rate.default(20),
});

/** How much one caller may ask for: codes an hour, all others a minute; 0: as much as they like. */
export function rateLimitsOf(
  env: z.output<typeof rateLimits>,
  isProduction: boolean,
): Readonly<Record<RateClass, number>> {
  if (env.RATE_LIMIT === "off") return { reads: 0, mutations: 0, checkouts: 0, codes: 0 };
  return {
    reads: env.RATE_LIMIT_READS ?? (isProduction ? READS_A_MINUTE : 0),
    mutations: env.RATE_LIMIT_MUTATIONS,
    checkouts: env.RATE_LIMIT_CHECKOUTS,
    codes: env.RATE_LIMIT_CODES,
  };
}
