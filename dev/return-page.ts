import type { RequestHandler } from "express";
import { OPAQUE_ID } from "../src/auth/caller.ts";

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
const CONFIRM = `mutation ($id: ID!) {
  confirmCheckout(sessionId: $id) { isPaid subscription { status grantsAccess plan { name } } }
}`;

/** What {@link returnPage} needs: where the service is, and tokens to ask it with. */
export interface ReturnPageOptions {
  readonly serviceUrl: string;
  readonly newToken: (userId: string) => Promise<string>;
  /** Who has paid when the address does not say. */
  readonly userId: string;
}

interface Confirmed {
  data?: {
    confirmCheckout: {
      isPaid: boolean;
      subscription: { status: string; grantsAccess: boolean; plan: { name: string } } | null;
    } | null;
  };
  errors?: { message: string }[];
}

/** Where to send somebody back to after paying: the address of the return page, as a `successUrl`. */
export const returnUrl = (serviceUrl: string, userId?: string) =>
  `${serviceUrl}/graphql?${userId ? `user=${encodeURIComponent(userId)}&` : ""}session_id={CHECKOUT_SESSION_ID}`;

/**
 * What a frontend shows to somebody who comes back from the checkout page: asks `confirmCheckout` for the session in
 * the address, and says whether the platform is open. Asks as `user`, else as the user of the options.
 */
export function returnPage({ serviceUrl, newToken, userId }: ReturnPageOptions): RequestHandler {
  return async (request, response) => {
    const { session_id: sessionId, user = userId } = request.query;
    const who = typeof user === "string" && OPAQUE_ID.test(user) ? user : userId;
    const answer = await fetch(`${serviceUrl}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${await newToken(who)}` },
      body: JSON.stringify({ query: CONFIRM, variables: { id: String(sessionId) } }),
    });
    response
      .set("Content-Security-Policy", POLICY)
      .set("Cache-Control", "no-store")
      .type("html")
      .send(page(who, (await answer.json()) as Confirmed));
  };
}

function page(who: string, { data, errors }: Confirmed): string {
  const confirmed = data?.confirmCheckout;
  const subscription = confirmed?.subscription;
  if (subscription?.grantsAccess)
    return html("The platform is open", [
      `${who} has paid for ${subscription.plan.name}: the subscription is ${subscription.status}.`,
      "confirmCheckout has just said so, whether or not the webhook was here before.",
    ]);
  if (confirmed?.isPaid) return html("Paid", [`${who} has paid, and it opens nothing now.`]);
  if (confirmed) return html("Not paid yet", [`The checkout page of ${who} is still to be paid.`]);
  return html("No such checkout", [
    errors?.[0]?.message ?? "The service gave no answer.",
    `Asked as ${who}; a success URL names somebody else as &user=ID.`,
  ]);
}

const html = (title: string, lines: string[]) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1rem }</style>
<h1>${escaped(title)}</h1>
${lines.map((line) => `<p>${escaped(line)}</p>`).join("\n")}
<p><a href="/graphql">Explorer</a></p>
</html>
`;

const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
