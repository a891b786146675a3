import { createHmac } from "node:crypto";

/**
 * The `Stripe-Signature` header of a body: HMAC-SHA256 over `t.body` under each whole `whsec_…`
 * text, one `v1` a secret. `atSeconds` is real time, since receivers check it against theirs.
 * https://docs.stripe.com/webhooks#verify-manually
 */
export function signatureHeader(body: string, secrets: string[], atSeconds: number): string {
  const signatures = secrets.map((secret) => {
    return `v1=${createHmac("sha256", secret).update(`${atSeconds}.${body}`).digest("hex")}`;
  });
  return [`t=${atSeconds}`, ...signatures].join(",");
}
