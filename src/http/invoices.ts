import { type Request, Router } from "express";
import type { InvoiceService } from "../services/invoice.service.ts";
import type { InvoiceView } from "../services/invoice-links.ts";
import { whileSomebodyWaits } from "../stripe/call-scope.ts";

const VIEWS: readonly InvoiceView[] = ["page", "pdf"];

/**
 * `GET /invoices/:id/page` and `GET /invoices/:id/pdf`, as `Invoice.hostedInvoiceUrl` and `Invoice.pdfUrl` name them:
 * a browser that comes with a link still good goes on to the provider's own page or file. Each costs a call to Stripe, and
 * is admitted first.
 */
export function invoiceRoutes(
  invoices: Pick<InvoiceService, "addressOf">,
  admit: (request: Request) => unknown,
): Router {
  const router = Router();
  for (const view of VIEWS)
    router.get(`/:id/${view}`, async (request, response) => {
      // neither kept by a cache, nor told to whom the page leads
      response.set({ "cache-control": "no-store", "referrer-policy": "no-referrer" });
      await admit(request);
      const { id } = request.params;
      const address = await whileSomebodyWaits(() => invoices.addressOf(view, id, request.query.token));
      response.redirect(302, address);
    });
  return router;
}
