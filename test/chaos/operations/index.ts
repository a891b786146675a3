import { CHANGE_OPERATIONS } from "./changes.ts";
import { CUSTOMER_OPERATIONS } from "./customers.ts";
import { INVOICE_OPERATIONS } from "./invoices.ts";
import { LEARNER_OPERATIONS } from "./learner.ts";
import { METHOD_OPERATIONS } from "./methods.ts";
import { MONEY_BACK_OPERATIONS } from "./money-back.ts";
import { OFFER_OPERATIONS } from "./offers.ts";
import type { Operations } from "./operation.ts";
import { PORTAL_OPERATIONS } from "./portal.ts";
import { PROMOTION_OPERATIONS } from "./promotions.ts";
import { PURCHASE_OPERATIONS } from "./purchases.ts";
import { STAFF_OPERATIONS } from "./staff.ts";
import { SUBSCRIPTION_OPERATIONS } from "./subscriptions.ts";
import { TIME_OPERATIONS } from "./time.ts";

/** Everything that a history may do: a new operation is a line in the table of its subject. */
export const OPERATIONS: Operations = {
  ...LEARNER_OPERATIONS,
  ...METHOD_OPERATIONS,
  ...CHANGE_OPERATIONS,
  ...PURCHASE_OPERATIONS,
  ...OFFER_OPERATIONS,
  ...TIME_OPERATIONS,
  ...PORTAL_OPERATIONS,
  ...PROMOTION_OPERATIONS,
  ...CUSTOMER_OPERATIONS,
  ...STAFF_OPERATIONS,
  ...SUBSCRIPTION_OPERATIONS,
  ...INVOICE_OPERATIONS,
  ...MONEY_BACK_OPERATIONS,
};
