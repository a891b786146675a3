import { createCard } from "../billing/customers/payment-methods.ts";
import { changeableFields, updateInformation } from "../billing/portal/customer.ts";
import { wishOf } from "../billing/portal/flows.ts";
import { addMethod, makeDefault, removeMethod } from "../billing/portal/methods.ts";
import type { Portal } from "../billing/portal/portal.ts";
import {
  cancelInPortal,
  resumeInPortal,
  updateInPortal,
  type Wish,
} from "../billing/portal/subscriptions.ts";
import type { HttpReply } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import type { Transaction } from "../transaction.ts";
import type { Complaint } from "./fields.ts";
import { notice, redirect } from "./layout.ts";
import { cancelPage, customerPage, methodPage } from "./portal-forms.ts";
import { portalHome } from "./portal-home.ts";
import { confirmPage, updatePage } from "./portal-update.ts";
import { typedCard } from "./typed-card.ts";

export type Fields = Record<string, string>;

/** A visit to a page: the object that its path names, and what was sent with it. */
export interface Visit {
  id: string;
  fields: Fields;
}

/** One of the portal's pages, below the session's own path; `act` is what its form does. */
interface PortalPage {
  path: RegExp;
  show?: (tx: Transaction, portal: Portal, visit: Visit, complaint?: Complaint) => HttpReply;
  act?: (tx: Transaction, portal: Portal, visit: Visit) => HttpReply;
}

export const pages: PortalPage[] = [
  { path: /^$/, show: start },
  { path: /^\/subscriptions\/([\w-]+)\/cancel$/, show: cancelPage, act: cancel },
  { path: /^\/subscriptions\/([\w-]+)\/resume$/, act: resume },
  { path: /^\/subscriptions\/([\w-]+)\/update$/, show: updatePage },
  { path: /^\/subscriptions\/([\w-]+)\/confirm$/, show: confirmation, act: update },
  { path: /^\/methods\/new$/, show: methodPage, act: addCard },
  { path: /^\/methods\/answered$/, show: afterChallenge },
  { path: /^\/methods\/([\w-]+)\/default$/, act: prefer },
  { path: /^\/methods\/([\w-]+)\/remove$/, act: remove },
  { path: /^\/customer$/, show: customerPage, act: saveCustomer },
];

/** The page that a flow begins with; the portal's home without one, and after it. */
function start(tx: Transaction, portal: Portal, { fields }: Visit): HttpReply {
  const { flow, id } = portal.session;
  const at = (path: string) => redirect(`/p/session/${id}${path}`);
  if (!flow || fields.done !== undefined) return portalHome(tx, portal, fields.done);
  const { subscription_cancel, subscription_update, subscription_update_confirm } = flow;
  if (subscription_cancel) return at(`/subscriptions/${subscription_cancel.subscription}/cancel`);
  if (subscription_update) return at(`/subscriptions/${subscription_update.subscription}/update`);
  if (subscription_update_confirm)
    return at(`/subscriptions/${subscription_update_confirm.subscription}/confirm`);
  return at("/methods/new");
}

const home = ({ session }: Portal, done: string): HttpReply =>
  redirect(`/p/session/${session.id}?done=${done}`);

/** Where a flow ends: at the merchant's page, with a word, or at the portal's home as everything else. */
function finish(portal: Portal, done: string): HttpReply {
  const { flow, return_url } = portal.session;
  const after = flow?.after_completion;
  if (after?.type === "redirect" && after.redirect) return redirect(after.redirect.return_url);
  if (after?.type === "hosted_confirmation") {
    const back = return_url ? { url: return_url, text: "Continue" } : undefined;
    const words = after.hosted_confirmation?.custom_message ?? "Your change has been saved.";
    return notice("Done", words, 200, back);
  }
  return home(portal, done);
}

type Feedback = NonNullable<Kinds["subscription"]["cancellation_details"]>["feedback"];

function cancel(tx: Transaction, portal: Portal, { id, fields }: Visit): HttpReply {
  const { cancellation_reason: reason } = portal.features.subscription_cancel;
  const feedback = reason.options.find((option) => option === fields.feedback) as Feedback | undefined;
  cancelInPortal(tx, portal, id, {
    ...(feedback && { feedback }),
    ...(fields.comment && { comment: fields.comment }),
  });
  return finish(portal, "canceled");
}

function resume(tx: Transaction, portal: Portal, { id }: Visit): HttpReply {
  resumeInPortal(tx, portal, id);
  return home(portal, "resumed");
}

/** What the flow asks for, or what was chosen on the page before. */
function wished(tx: Transaction, { session }: Portal, { id, fields }: Visit): Wish {
  const wanted = wishOf(tx, session);
  if (wanted?.subscription === id) return wanted;
  return {
    subscription: id,
    price: fields.price || undefined,
    quantity: fields.quantity ? Number(fields.quantity) : undefined,
    code: fields.code || undefined,
  };
}

function confirmation(tx: Transaction, portal: Portal, visit: Visit, complaint?: Complaint): HttpReply {
  return confirmPage(tx, portal, wished(tx, portal, visit), complaint);
}

function update(tx: Transaction, portal: Portal, visit: Visit): HttpReply {
  updateInPortal(tx, portal, wished(tx, portal, visit));
  return finish(portal, "updated");
}

function addCard(tx: Transaction, portal: Portal, { fields }: Visit): HttpReply {
  const { customer, session } = portal;
  const card = typedCard({ ...fields, email: customer.email ?? "" }, new Date(tx.ownNow * 1000));
  const intent = addMethod(tx, portal, createCard(tx, card), `${session.url}/methods/answered`);
  return intent.status === "requires_action" ? redirect(`/3ds/${intent.id}`) : finish(portal, "added");
}

/** Back from the card's bank, with its answer in the address. */
function afterChallenge(tx: Transaction, portal: Portal, visit: Visit): HttpReply {
  if (visit.fields.redirect_status === "succeeded") return finish(portal, "added");
  const message = "Your card was not authenticated. Please try again, or use another card.";
  return methodPage(tx, portal, visit, { message, status: 200, field: null });
}

function prefer(tx: Transaction, portal: Portal, { id }: Visit): HttpReply {
  makeDefault(tx, portal, id);
  return home(portal, "preferred");
}

function remove(tx: Transaction, portal: Portal, { id }: Visit): HttpReply {
  removeMethod(tx, portal, id);
  return home(portal, "removed");
}

function saveCustomer(tx: Transaction, portal: Portal, { fields }: Visit): HttpReply {
  const given = changeableFields(portal).map((name) => [name, fields[name] ?? ""]);
  updateInformation(tx, portal, Object.fromEntries(given));
  return home(portal, "saved");
}
