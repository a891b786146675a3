import { type Portal, portalOf } from "../billing/portal/portal.ts";
import { ApiError } from "../errors.ts";
import type { HttpReply, HttpRequest } from "../http.ts";
import type { Transaction } from "../transaction.ts";
import type { World } from "../world.ts";
import { type Complaint, complaintOf, readFields } from "./fields.ts";
import { notice } from "./layout.ts";
import { type Fields, pages, type Visit } from "./portal-routes.ts";

/** `/p/session/:id` and all below it: the billing portal of one customer. */
export function servePortal(world: World, request: HttpRequest, id: string, rest: string): HttpReply {
  const session = world.store.get("billing_portal.session", id);
  if (!session) return notice("Page not found", "This link does not exist. Perhaps it is incomplete.", 404);
  // What a customer does happens in the customer's time.
  const inPortal = (work: (tx: Transaction, portal: Portal) => HttpReply) =>
    world.act(session.customer, (tx) => work(tx, portalOf(tx, id)));
  try {
    return visit(inPortal, request, rest) ?? notice("Page not found", "There is no such page here.", 404);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const back = session.return_url ? { url: session.return_url, text: "Go back" } : undefined;
    return notice("This is not possible", error.message, error.status === 404 ? 404 : 400, back);
  }
}

type InPortal = (work: (tx: Transaction, portal: Portal) => HttpReply) => HttpReply;

function visit(inPortal: InPortal, request: HttpRequest, rest: string): HttpReply | undefined {
  for (const page of pages) {
    const match = page.path.exec(rest);
    if (!match) continue;
    const of = (fields: Fields): Visit => ({ id: match[1] ?? "", fields });
    if (request.method === "GET" && page.show) {
      const query = readFields({ ...request, body: request.query });
      return inPortal((tx, portal) => page.show!(tx, portal, of(query)));
    }
    if (request.method === "POST" && page.act) return act(inPortal, page, of(readFields(request)));
  }
  return undefined;
}

/** Does what a form asks for, or shows its page again with what was wrong. */
function act(inPortal: InPortal, page: (typeof pages)[number], visit: Visit): HttpReply {
  try {
    return inPortal((tx, portal) => page.act!(tx, portal, visit));
  } catch (error) {
    const complaint: Complaint = complaintOf(error);
    if (!page.show) throw error;
    return inPortal((tx, portal) => page.show!(tx, portal, visit, complaint));
  }
}
