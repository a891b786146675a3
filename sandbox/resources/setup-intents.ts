import { assertNotCheckouts } from "../billing/checkout/setup.ts";
import {
  cancelSetup,
  confirmSetup,
  createSetupIntent,
  setupRefusal,
} from "../billing/payments/setup-intents.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page, under } from "../list.ts";
import { withMetadata } from "../metadata.ts";
import { type Infer, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import { next, UNCONFIRMED } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { assertServes, assertWayBack, namedMethod, withSecret } from "./intent-methods.ts";
import {
  cancelParams,
  confirmParams,
  createParams,
  listFilters,
  updateParams,
} from "./setup-intent-params.ts";

type SetupIntent = Kinds["setup_intent"];
type CreateParams = Infer<typeof createParams>;
type UpdateParams = Infer<typeof updateParams>;
type ConfirmParams = Infer<typeof confirmParams>;

const TYPES = ["card", "sepa_debit", "us_bank_account"];
const DYNAMIC = { allow_redirects: "always", enabled: true } as const;

function create(tx: Transaction, params: CreateParams): SetupIntent {
  const { confirm, customer, metadata, return_url } = params;
  const { allowed_payment_method_types: allowed = null, excluded_payment_method_types: excluded = null } =
    params;
  if (customer) tx.need("customer", customer, "customer");
  if (return_url && !confirm) {
    const message = "The parameter `return_url` can only be used when `confirm` is true.";
    throw invalidParameter("return_url", message);
  }
  const method = namedMethod(tx, params);
  const intent = createSetupIntent(tx, {
    allowed_payment_method_types: allowed,
    automatic_payment_methods: params.automatic_payment_methods ?? DYNAMIC,
    customer: customer ?? null,
    description: params.description ?? null,
    excluded_payment_method_types: excluded,
    metadata: withMetadata({}, metadata),
    payment_method: method?.id ?? null,
    payment_method_types: typesOf({
      allowed_payment_method_types: allowed,
      excluded_payment_method_types: excluded,
    }),
    usage: params.usage ?? "off_session",
  });
  if (method) assertServes(tx, intent, method, "SetupIntent");
  return confirm ? attempt(tx, intent, return_url) : intent;
}

type Choice = Pick<SetupIntent, "allowed_payment_method_types" | "excluded_payment_method_types">;

function typesOf({
  allowed_payment_method_types: allowed,
  excluded_payment_method_types: excluded,
}: Choice): string[] {
  return TYPES.filter(
    (type) =>
      (allowed === null || allowed.some((one) => one === type)) && !excluded?.some((one) => one === type),
  );
}

function assertOpen({ status }: SetupIntent, verb: string): void {
  if (UNCONFIRMED.includes(status)) return;
  throw invalidRequest(
    `You cannot ${verb} this SetupIntent because it has a status of ${status}. Only a SetupIntent with one of the following statuses may be ${verb === "update" ? "updated" : "confirmed"}: ${UNCONFIRMED.join(", ")}.`,
    { code: "setup_intent_unexpected_state" },
  );
}

function attempt(tx: Transaction, intent: SetupIntent, returnUrl: string | undefined): SetupIntent {
  assertOpen(intent, "confirm");
  if (!intent.payment_method) {
    throw invalidRequest(
      "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a payment method and then confirm it again.",
      { code: "setup_intent_unexpected_state" },
    );
  }
  const method = tx.need("payment_method", intent.payment_method, "payment_method");
  assertServes(tx, intent, method, "SetupIntent");
  assertWayBack(intent, returnUrl, "SetupIntent");
  const after = confirmSetup(tx, intent, method, { returnUrl: returnUrl ?? null });
  if (after.status === "requires_payment_method") throw setupRefusal(after);
  return after;
}

function update(tx: Transaction, before: SetupIntent, params: UpdateParams): SetupIntent {
  const { customer, metadata, payment_method: _, payment_method_data: __, ...plain } = params;
  if (Object.keys(params).some((name) => name !== "metadata" && name !== "description"))
    assertOpen(before, "update");
  if (customer) tx.need("customer", customer, "customer");
  const choice = { ...before, ...plain };
  const after = { ...choice, ...(customer && { customer }), payment_method_types: typesOf(choice) };
  const method = namedMethod(tx, params);
  if (method) assertServes(tx, after, method, "SetupIntent");
  return tx.update("setup_intent", before.id, {
    ...after,
    metadata: withMetadata(before.metadata ?? {}, metadata),
    ...(method && {
      payment_method: method.id,
      status: next("setup_intent", before.status, "requires_confirmation"),
      next_action: null,
    }),
  });
}

function confirm(tx: Transaction, params: ConfirmParams, id: string): SetupIntent {
  const { mandate_data: _, return_url, ...changes } = params;
  const before = tx.need("setup_intent", id);
  assertNotCheckouts(tx, before, "confirm");
  assertOpen(before, "confirm");
  return attempt(tx, update(tx, before, changes), return_url);
}

function listSetups(tx: Transaction, params: Infer<typeof listFilters & typeof listParams>) {
  const { customer, payment_method } = params;
  const where = under({ payment_method, customer });
  const keep = (intent: SetupIntent) => !customer || intent.customer === customer;
  return page(tx, { kind: "setup_intent", url: "/v1/setup_intents", where, keep }, params);
}

export const setupIntentRoutes: Route[] = [
  route("POST", "/v1/setup_intents", createParams, create),
  route("GET", "/v1/setup_intents", { ...listParams, ...listFilters }, listSetups),
  route("GET", "/v1/setup_intents/:id", { client_secret: text() }, (tx, params, { id = "" }) =>
    withSecret(tx.need("setup_intent", id), params.client_secret, "setup_intent"),
  ),
  route("POST", "/v1/setup_intents/:id", updateParams, (tx, params, { id = "" }) =>
    update(tx, tx.need("setup_intent", id), params),
  ),
  route("POST", "/v1/setup_intents/:id/confirm", confirmParams, (tx, params, { id = "" }) =>
    confirm(tx, params, id),
  ),
  route("POST", "/v1/setup_intents/:id/cancel", cancelParams, (tx, params, { id = "" }) => {
    const intent = tx.need("setup_intent", id);
    assertNotCheckouts(tx, intent, "cancel");
    return cancelSetup(tx, intent, params.cancellation_reason ?? null);
  }),
];
