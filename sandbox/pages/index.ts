import { isCrossOrigin } from "../guard.ts";
import type { HttpReply, HttpRequest } from "../http.ts";
import type { World } from "../world.ts";
import { answerChallenge, showChallenge } from "./challenge.ts";
import { adjustQuantity, payCheckout, recoverCheckout, redeemCode, showCheckout } from "./checkout.ts";
import { creditNotePdf, invoicePdf, showReceipt } from "./documents.ts";
import { payHostedInvoice, showInvoice } from "./invoice.ts";
import { notice } from "./layout.ts";
import { servePortal } from "./portal.ts";

/** `rest` is what of the path follows the id. */
type Show = (world: World, request: HttpRequest, id: string, rest: string) => HttpReply;

const PORTAL = /^\/p\/session\/([\w-]+)((?:\/[\w-]+)*)$/;

/** The sandbox's pages for people. */
const pages: [method: string, path: RegExp, show: Show][] = [
  ["GET", /^\/c\/pay\/([\w-]+)$/, showCheckout],
  ["POST", /^\/c\/pay\/([\w-]+)$/, payCheckout],
  ["POST", /^\/c\/pay\/([\w-]+)\/code$/, redeemCode],
  ["POST", /^\/c\/pay\/([\w-]+)\/quantity$/, adjustQuantity],
  ["GET", /^\/c\/recover\/([\w-]+)$/, (world, _request, id) => recoverCheckout(world, id)],
  ["GET", /^\/3ds\/([\w-]+)$/, (world, _request, id) => showChallenge(world, id)],
  ["POST", /^\/3ds\/([\w-]+)$/, answerChallenge],
  ["GET", /^\/i\/([\w-]+)$/, showInvoice],
  ["POST", /^\/i\/([\w-]+)$/, payHostedInvoice],
  ["GET", /^\/i\/([\w-]+)\/pdf$/, (world, _request, id) => invoicePdf(world, id)],
  ["GET", PORTAL, servePortal],
  ["POST", PORTAL, servePortal],
  ["GET", /^\/credit_notes\/([\w-]+)\/pdf$/, (world, _request, id) => creditNotePdf(world, id)],
  ["GET", /^\/receipts\/([\w-]+)$/, (world, _request, id) => showReceipt(world, id)],
];

/** Answers a request for a page; undefined for a path that is none. */
export function servePage(world: World, request: HttpRequest): HttpReply | undefined {
  for (const [method, path, show] of pages) {
    const match = path.exec(request.path);
    if (!match || method !== request.method) continue;
    if (method === "POST" && isCrossOrigin(request)) {
      return notice("Not from here", "This form was sent by another site's page.", 403);
    }
    return show(world, request, match[1]!, match[2] ?? "");
  }
  return undefined;
}
