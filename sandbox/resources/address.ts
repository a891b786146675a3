import type Stripe from "stripe";
import { type Infer, object, text, unsettable } from "../params.ts";

const line = unsettable(text());
const parts = { city: line, country: line, line1: line, line2: line, postal_code: line, state: line };

export const address = object(parts);

/** The address with null for what was not given. */
export function addressOf(given: Infer<typeof parts>): Stripe.Address {
  const { city = null, country = null, line1 = null, line2 = null, postal_code = null, state = null } = given;
  return { city, country, line1, line2, postal_code, state };
}
