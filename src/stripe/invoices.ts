import type Stripe from "stripe";
import { StripeCalls } from "./calls.ts";

const PAGE = 100;

/** What is charged once, on an invoice of its own. */
export interface OneTimeCharge {
  customer: string;
  /** In the currency's minor unit. */
  amount: number;
  currency: string;
  /** What it is for, as the invoice says it. */
  title: string;
  paymentMethod: string;
  metadata: Stripe.MetadataParam;
}

/** The gateway's calls that make and charge invoices that no subscription makes. */
export class InvoiceCalls extends StripeCalls {
  /** A draft of one line that nothing is done with by itself. Each of the two calls has a key of its own. */
  async draft(charge: OneTimeCharge, idempotencyKey: string): Promise<string> {
    const { customer, currency, amount, title, paymentMethod, metadata } = charge;
    const { id } = await this.call("invoices.create", () =>
      this.stripe.invoices.create(
        {
          ...{ customer, currency, metadata, description: title },
          ...{ collection_method: "charge_automatically", auto_advance: false },
          ...{ default_payment_method: paymentMethod, pending_invoice_items_behavior: "exclude" },
        },
        { idempotencyKey: `${idempotencyKey}:draft` },
      ),
    );
    await this.call("invoiceItems.create", () =>
      this.stripe.invoiceItems.create(
        { customer, invoice: id, amount, currency, description: title },
        { idempotencyKey: `${idempotencyKey}:line` },
      ),
    );
    return id;
  }

  finalize(id: string, idempotencyKey: string): Promise<Stripe.Invoice> {
    return this.call("invoices.finalizeInvoice", () =>
      this.stripe.invoices.finalizeInvoice(id, { auto_advance: false }, { idempotencyKey }),
    );
  }

  /** Takes a draft away that is not to be charged; one that is gone already is as good. */
  async discard(id: string): Promise<void> {
    await this.read("invoices.del", () => this.stripe.invoices.del(id));
  }

  /** Charges its method, with the customer there to answer their bank. @throws PaymentDeclined, also when the bank asks */
  pay(id: string, idempotencyKey: string): Promise<Stripe.Invoice> {
    return this.call("invoices.pay", () =>
      this.stripe.invoices.pay(id, { off_session: false }, { idempotencyKey }),
    );
  }

  /** The customer's invoice made by an intent. */
  async byMetadata(customer: string, key: string, value: string): Promise<Stripe.Invoice | null> {
    return this.call("invoices.list", async () => {
      for await (const invoice of this.stripe.invoices.list({ customer, limit: PAGE }))
        if (invoice.metadata?.[key] === value) return invoice;
      return null;
    });
  }
}
