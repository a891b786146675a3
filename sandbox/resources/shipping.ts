import type { Kinds } from "../kinds.ts";
import { type Infer, object, required, text } from "../params.ts";
import { address, addressOf } from "./address.ts";

/** Where goods are sent. */
export const shipping = object({
  address: required(address),
  carrier: text(),
  name: required(text()),
  phone: text(),
  tracking_number: text(),
});

/** As payments show it. */
export function shippingOf(given: Infer<{ s: typeof shipping }>["s"]): Kinds["payment_intent"]["shipping"] {
  if (!given) return null;
  const { address, carrier = null, name, phone = null, tracking_number = null } = given;
  return { address: addressOf(address), carrier, name, phone, tracking_number };
}
