import { invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { assertFeature, type Portal } from "./portal.ts";

/** What of themselves a customer can change in the portal. */
const CUSTOMER_FIELDS = ["email", "name", "phone"] as const;
type CustomerField = (typeof CUSTOMER_FIELDS)[number];

/** The fields that the configuration lets the customer change. */
export const changeableFields = ({ features }: Portal): CustomerField[] =>
  features.customer_update.enabled
    ? CUSTOMER_FIELDS.filter((name) => features.customer_update.allowed_updates.includes(name))
    : [];

/** Changes what the customer may change of themselves; refuses the rest. */
export function updateInformation(
  tx: Transaction,
  portal: Portal,
  given: Partial<Record<CustomerField, string>>,
): Kinds["customer"] {
  assertFeature(portal, "customer_update");
  const allowed = changeableFields(portal);
  for (const name of Object.keys(given) as CustomerField[]) {
    if (!allowed.includes(name)) throw invalidRequest(`The ${name} cannot be changed here.`, { param: name });
  }
  if (given.email !== undefined && !/^[^@\s]+@[^@\s]+$/.test(given.email))
    throw invalidRequest("This is not an email address.", { param: "email" });
  const patch = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, value || null]));
  return tx.update("customer", portal.customer.id, patch, "customer.updated");
}
