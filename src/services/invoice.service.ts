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

  /**
   * Where a link of ours leads: the provider's address as it is now, asked for each time, since those expire too and
   * are kept nowhere. @throws NotFound, LinkExpired, ProviderUnavailable
   */
  async addressOf(view: InvoiceView, invoiceId: string, token: unknown): Promise<string> {
    this.links.assertGood(view, invoiceId, token);
    const invoice = await this.em.fork().findOne(Invoice, { id: invoiceId });
    const remote = invoice && (await this.stripe.invoice(invoice.stripeInvoiceId));
    const address = view === "page" ? remote?.hosted_invoice_url : remote?.invoice_pdf;
    if (!address) throw new NotFound("invoice");
    return address;
  }
}
