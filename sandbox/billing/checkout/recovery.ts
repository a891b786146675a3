import { DAY_SECONDS } from "../../clock.ts";
import { invalidRequest } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";

type Session = Kinds["checkout.session"];

const RECOVERY_SECONDS = 30 * DAY_SECONDS;
const OPEN_SECONDS = 24 * 3600;

/** What an expired session shows of the link by which it can be begun anew. */
export function recoveryOf(tx: Transaction, { id, after_expiration }: Session): Session["after_expiration"] {
  const wanted = after_expiration?.recovery;
  if (!wanted?.enabled) return after_expiration;
  const url = `${tx.environment.baseUrl}/c/recover/${id}`;
  return { recovery: { ...wanted, url, expires_at: tx.now + RECOVERY_SECONDS } };
}

/**
 * Another session for what an expired one was for. Throws when that one cannot be begun anew (any
 * more). https://docs.stripe.com/payments/checkout/abandoned-carts
 */
export function recoverSession(tx: Transaction, session: Session): Session {
  const recovery = session.after_expiration?.recovery;
  if (!recovery?.url || (recovery.expires_at ?? 0) <= tx.now)
    throw invalidRequest("This Checkout Session cannot be recovered.");
  const id = newId("cs_test");
  tx.insert("checkout_details", { ...tx.need("checkout_details", session.id), id, attempt: null });
  return tx.insert("checkout.session", {
    ...session,
    id,
    after_expiration: null,
    allow_promotion_codes: recovery.allow_promotion_codes,
    created: tx.now,
    expires_at: tx.now + OPEN_SECONDS,
    recovered_from: session.id,
    status: "open",
    url: `${tx.environment.baseUrl}/c/pay/${id}`,
  });
}
