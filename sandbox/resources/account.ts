import type Stripe from "stripe";
import type { Wire } from "../kinds.ts";
import { type Route, route } from "../router.ts";

/** The one account there is. */
const account: Wire<Stripe.Account> = {
  id: "acct_1SandboxAccount00",
  object: "account",
  business_type: null,
  capabilities: { card_payments: "active", transfers: "active" },
  charges_enabled: true,
  country: "US",
  created: 1_577_836_800,
  default_currency: "usd",
  details_submitted: true,
  email: "sandbox@example.com",
  metadata: {},
  payouts_enabled: true,
  type: "standard",
};

export const accountRoutes: Route[] = [route("GET", "/v1/account", {}, () => account)];
