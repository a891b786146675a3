import Stripe from "stripe";

const TOLERANCE_SECONDS = 300;

/**
 * Whether a webhook's raw body carries a fresh `Stripe-Signature` made with one of our secrets: several are
 * valid while one is being rolled (https://docs.stripe.com/webhooks/signature). On real time.
 */
export function isSignedByStripe(body: Buffer, header: string, secrets: readonly string[]): boolean {
  return secrets.some((secret) => verifies(body, header, secret));
}

function verifies(body: Buffer, header: string, secret: string): boolean {
  try {
    return Stripe.webhooks.signature?.verifyHeader(body, header, secret, TOLERANCE_SECONDS) ?? false;
  } catch {
    return false;
  }
}
