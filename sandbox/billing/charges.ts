import type { Decline } from "../cards.ts";
import { newId, randomText } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import type { Transaction } from "../transaction.ts";

type Charge = Kinds["charge"];

export interface ChargeInput {
  intent: Kinds["payment_intent"];
  method: Kinds["payment_method"];
  decline: Decline | null;
  authenticated: boolean;
}

/** The record of money taken, or refused. */
export function insertCharge(
  tx: Transaction,
  { intent, method, decline, authenticated }: ChargeInput,
): Charge {
  const id = newId("ch");
  const paid = decline === null;
  return tx.insert("charge", {
    id,
    object: "charge",
    amount: intent.amount,
    amount_captured: paid ? intent.amount : 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: paid ? newId("txn") : null,
    billing_details: { ...method.billing_details },
    calculated_statement_descriptor: "SANDBOX",
    captured: paid,
    created: tx.now,
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: decline?.code ?? null,
    failure_message: decline?.message ?? null,
    fraud_details: {},
    livemode: false,
    metadata: { ...intent.metadata },
    on_behalf_of: null,
    outcome: outcomeOf(decline),
    paid,
    payment_intent: intent.id,
    payment_method: method.id,
    payment_method_details: { card: cardDetails(intent.amount, method, authenticated), type: "card" },
    receipt_email: intent.receipt_email,
    receipt_number: null,
    receipt_url: paid ? `${tx.environment.baseUrl}/receipts/${id}` : null,
    refunded: false,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: paid ? "succeeded" : "failed",
    transfer_data: null,
    transfer_group: null,
  });
}

function outcomeOf(decline: Decline | null): Charge["outcome"] {
  return {
    advice_code: decline ? "try_again_later" : null,
    network_advice_code: null,
    network_decline_code: null,
    network_status: decline ? "declined_by_network" : "approved_by_network",
    reason: decline?.decline_code ?? null,
    risk_level: "normal",
    risk_score: 20,
    seller_message: decline
      ? "The bank did not return any further details with this decline."
      : "Payment complete.",
    type: decline ? "issuer_declined" : "authorized",
  };
}

type CardDetails = NonNullable<NonNullable<Charge["payment_method_details"]>["card"]>;

function cardDetails(amount: number, method: Kinds["payment_method"], authenticated: boolean): CardDetails {
  const card = method.card!;
  return {
    amount_authorized: amount,
    authorization_code: "123456",
    brand: card.brand,
    checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: "pass" },
    country: card.country,
    electronic_commerce_indicator: null,
    exp_month: card.exp_month,
    exp_year: card.exp_year,
    extended_authorization: { status: "disabled" },
    fingerprint: card.fingerprint ?? null,
    funding: card.funding,
    incremental_authorization: { status: "unavailable" },
    installments: null,
    last4: card.last4,
    mandate: null,
    multicapture: { status: "unavailable" },
    network: card.brand,
    network_token: { used: false },
    network_transaction_id: randomText(15),
    overcapture: { maximum_amount_capturable: amount, status: "unavailable" },
    regulated_status: "unregulated",
    three_d_secure: authenticated ? THREE_D_SECURE : null,
    transaction_link_id: null,
    wallet: null,
  };
}

const THREE_D_SECURE: CardDetails["three_d_secure"] = {
  authentication_flow: "challenge",
  electronic_commerce_indicator: "05",
  exemption_indicator: null,
  result: "authenticated",
  result_reason: null,
  transaction_id: "00000000-0000-4000-8000-000000000000",
  version: "2.2.0",
};
