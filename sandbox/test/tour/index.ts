import type { TestSandbox } from "../support/sandbox.ts";
import { account } from "./account.ts";
import { catalogue } from "./catalogue.ts";
import { checkout } from "./checkout.ts";
import { checkoutModes } from "./checkout-modes.ts";
import { creditNotes } from "./credit-notes.ts";
import { customers } from "./customers.ts";
import { discounts } from "./discounts.ts";
import { invoices } from "./invoices.ts";
import { meters } from "./meters.ts";
import { payments, reversals, setups } from "./payments.ts";
import { portal } from "./portal.ts";
import { portalSessions } from "./portal-sessions.ts";
import { schedules } from "./schedules.ts";
import { search } from "./search.ts";
import { subscriptions } from "./subscriptions.ts";
import { testClocks } from "./test-clocks.ts";

/** Calls that together use every operation, and bring by every kind of answer and event. */
export const tour: ((box: TestSandbox) => Promise<void>)[] = [
  account,
  catalogue,
  customers,
  creditNotes,
  discounts,
  invoices,
  portal,
  portalSessions,
  checkout,
  checkoutModes,
  schedules,
  subscriptions,
  testClocks,
  meters,
  search,
  payments,
  setups,
  reversals,
];
