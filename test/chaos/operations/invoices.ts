import { customerOf, invoiceThatIs } from "./at-stripe.ts";
import { ifFound, type Operations } from "./operation.ts";

/** What happens to invoices at Stripe. */
export const INVOICE_OPERATIONS: Operations = {
  "an open invoice is paid": {
    weight: 4,
    run: ifFound(invoiceThatIs("open"), (world, { id }, { pick, flag }) =>
      world.stripe.invoices.pay(id, flag && pick % 3 === 0 ? { paid_out_of_band: true } : {}),
    ),
  },
  "an open invoice is given up": {
    weight: 2,
    run: ifFound(invoiceThatIs("open"), (world, { id }, { flag }) =>
      flag ? world.stripe.invoices.voidInvoice(id) : world.stripe.invoices.markUncollectible(id),
    ),
  },
  "an invoice is written by hand": {
    weight: 1,
    run: ifFound(customerOf, async (world, customer, { pick, flag }) => {
      await world.stripe.invoiceItems.create({ customer, currency: "usd", amount: 500 + (pick % 5_000) });
      const { id } = await world.stripe.invoices.create({
        customer,
        pending_invoice_items_behavior: "include",
      });
      return flag ? world.stripe.invoices.pay(id) : world.stripe.invoices.finalizeInvoice(id);
    }),
  },
  "a draft is deleted": {
    weight: 1,
    run: ifFound(invoiceThatIs("draft"), (world, { id }) => world.stripe.invoices.del(id)),
  },
  "a credit note is issued": {
    weight: 1,
    run: ifFound(invoiceThatIs("paid"), (world, { id: invoice }, { pick, flag }) => {
      const amount = 1 + (pick % 900);
      return world.stripe.creditNotes.create({
        ...{ invoice, amount },
        ...(flag ? { credit_amount: amount } : { refund_amount: amount }),
      });
    }),
  },
};
