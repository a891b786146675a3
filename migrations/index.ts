import { Migration0001FirstPayment } from "./0001-first-payment.ts";
import { Migration0002WhatStripeSaysFits } from "./0002-what-stripe-says-fits.ts";

/** In the order in which they are applied; an applied one is never edited. */
export const MIGRATIONS = [
  { name: "0001-first-payment", class: Migration0001FirstPayment },
  { name: "0002-what-stripe-says-fits", class: Migration0002WhatStripeSaysFits },
];
