import { randomText } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";

type Details = NonNullable<Kinds["charge"]["payment_method_details"]>;
type CardDetails = NonNullable<Details["card"]>;
type PaymentMethod = Kinds["payment_method"];

interface DetailsInput {
  amount: number;
  method: PaymentMethod;
  /** Whether 3-D Secure was answered. */
  authenticated: boolean;
  /** Until when it can be captured; null when it already is. */
  captureBefore: number | null;
}

/** How a charge was paid, as the charge shows it. */
export function chargeDetails(input: DetailsInput): Details {
  const { card, sepa_debit, us_bank_account } = input.method;
  if (card) return { card: cardDetails(input, card), type: "card" };
  if (sepa_debit) {
    const { bank_code, branch_code, country, fingerprint, last4 } = sepa_debit;
    return {
      sepa_debit: { bank_code, branch_code, country, fingerprint, last4, mandate: null },
      type: "sepa_debit",
    };
  }
  const { account_holder_type, account_type, bank_name, fingerprint, last4, routing_number } =
    us_bank_account!;
  return {
    us_bank_account: {
      account_holder_type,
      account_type,
      bank_name,
      fingerprint,
      last4,
      payment_reference: null,
      routing_number,
    },
    type: "us_bank_account",
  };
}

function cardDetails(
  { amount, authenticated, captureBefore }: DetailsInput,
  card: NonNullable<PaymentMethod["card"]>,
): CardDetails {
  return {
    amount_authorized: amount,
    authorization_code: "123456",
    brand: card.brand,
    ...(captureBefore !== null && { capture_before: captureBefore }),
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
