import type { EntityManager } from "@mikro-orm/postgresql";
import { Invoice } from "../entities/invoice.ts";
import { NotFound } from "../errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import type { InvoiceLinks, InvoiceView } from "./invoice-links.ts";

/** Invoices as the provider shows them. */
export class InvoiceService {
  constructor(
    private readonly em: EntityManager,
    private readonly stripe: Pick<StripeGateway, "invoice">,
    private readonly links: InvoiceLinks,
  ) {}

  /** @throws NotFound, LinkExpired for what is no link of ours to this view of this invoice, or not any more */
  assertGood(view: InvoiceView, invoiceId: string, token: unknown): void {
    this.links.assertGood(view, invoiceId, token);
  }

  /**
   * Where a good link of ours leads: the provider's address as it is now, asked for each time, since those expire too and
   * are kept nowhere. @throws NotFound, ProviderUnavailable
   */
  async addressOf(view: InvoiceView, invoiceId: string): Promise<string> {
    const invoice = await this.em.fork().findOne(Invoice, { id: invoiceId });
    const remote = invoice && (await this.stripe.invoice(invoice.stripeInvoiceId));
    const address = view === "page" ? remote?.hosted_invoice_url : remote?.invoice_pdf;
    if (!address) throw new NotFound("invoice");
    return address;
  }
}
