import { Migration0001FirstPayment } from "./0001-first-payment.ts";

/** In the order in which they are applied; an applied one is never edited. */
export const MIGRATIONS = [{ name: "0001-first-payment", class: Migration0001FirstPayment }];
