import { Router } from "express";
import type { InvoiceService } from "../services/invoice.service.ts";
import type { InvoiceView } from "../services/invoice-links.ts";
import { whileSomebodyWaits } from "../stripe/call-scope.ts";

const VIEWS: readonly InvoiceView[] = ["page", "pdf"];

/**
 * `GET /invoices/:id/page` and `GET /invoices/:id/pdf`, as `Invoice.hostedInvoiceUrl` and `Invoice.pdfUrl` name them:
 * a browser that comes with a link still good goes on to the provider's own page or file. Each costs a call to Stripe, and
 * is admitted first: by its invoice, so that nobody's junk takes what is another's.
 */
export function invoiceRoutes(
  invoices: Pick<InvoiceService, "assertGood" | "addressOf">,
  admit: (invoiceId: string) => unknown,
): Router {
  const router = Router();
  for (const view of VIEWS)
    router.get(`/:id/${view}`, async (request, response) => {
      // neither kept by a cache, nor told to whom the page leads
      response.set({ "cache-control": "no-store", "referrer-policy": "no-referrer" });
      const { id } = request.params;
      invoices.assertGood(view, id, request.query.token);
      await admit(id);
      const address = await whileSomebodyWaits(() => invoices.addressOf(view, id));
      response.redirect(302, address);
    });
  return router;
}
