import { Migration0001FirstPayment } from "./0001-first-payment.ts";
import { Migration0002WhatStripeSaysFits } from "./0002-what-stripe-says-fits.ts";
import { Migration0003RefundsAndDisputes } from "./0003-refunds-and-disputes.ts";
import { Migration0004DeadLetters } from "./0004-dead-letters.ts";
import { Migration0005SchedulesAndDuplicates } from "./0005-schedules-and-duplicates.ts";
import { Migration0006WithdrawnPrices } from "./0006-withdrawn-prices.ts";
import { Migration0007Retention } from "./0007-retention.ts";
import { Migration0008Cursors } from "./0008-cursors.ts";
import { Migration0009Reconciliation } from "./0009-reconciliation.ts";
import { Migration0010FormerCustomers } from "./0010-former-customers.ts";
import { Migration0011PendingAndScheduledChanges } from "./0011-pending-and-scheduled-changes.ts";
import { Migration0012NextPaymentAttempts } from "./0012-next-payment-attempts.ts";
import { Migration0013Trials } from "./0013-trials.ts";
import { Migration0014CreditedInvoices } from "./0014-credited-invoices.ts";
import { Migration0015IntentsUnderKeys } from "./0015-intents-under-keys.ts";
import { Migration0016Offers } from "./0016-offers.ts";
import { Migration0017Promotions } from "./0017-promotions.ts";
import { Migration0018MoneyBackAndExpiringCards } from "./0018-money-back-and-expiring-cards.ts";
import { Migration0020Purchases } from "./0020-purchases.ts";
import { Migration0021DiscountedPurchases } from "./0021-discounted-purchases.ts";
import { Migration0022PromotionLookups } from "./0022-promotion-lookups.ts";
import { Migration0023WithdrawnPurchases } from "./0023-withdrawn-purchases.ts";

/** In the order in which they are applied; an applied one is never edited. */
export const MIGRATIONS = [
  { name: "0001-first-payment", class: Migration0001FirstPayment },
  { name: "0002-what-stripe-says-fits", class: Migration0002WhatStripeSaysFits },
  { name: "0003-refunds-and-disputes", class: Migration0003RefundsAndDisputes },
  { name: "0004-dead-letters", class: Migration0004DeadLetters },
  { name: "0005-schedules-and-duplicates", class: Migration0005SchedulesAndDuplicates },
  { name: "0006-withdrawn-prices", class: Migration0006WithdrawnPrices },
  { name: "0007-retention", class: Migration0007Retention },
  { name: "0008-cursors", class: Migration0008Cursors },
  { name: "0009-reconciliation", class: Migration0009Reconciliation },
  { name: "0010-former-customers", class: Migration0010FormerCustomers },
  { name: "0011-pending-and-scheduled-changes", class: Migration0011PendingAndScheduledChanges },
  { name: "0012-next-payment-attempts", class: Migration0012NextPaymentAttempts },
  { name: "0013-trials", class: Migration0013Trials },
  { name: "0014-credited-invoices", class: Migration0014CreditedInvoices },
  { name: "0015-intents-under-keys", class: Migration0015IntentsUnderKeys },
  { name: "0016-offers", class: Migration0016Offers },
  { name: "0017-promotions", class: Migration0017Promotions },
  { name: "0018-money-back-and-expiring-cards", class: Migration0018MoneyBackAndExpiringCards },
  { name: "0020-purchases", class: Migration0020Purchases },
  { name: "0021-discounted-purchases", class: Migration0021DiscountedPurchases },
  { name: "0022-promotion-lookups", class: Migration0022PromotionLookups },
  { name: "0023-withdrawn-purchases", class: Migration0023WithdrawnPurchases },
];
