import { isUtf8 } from "node:buffer";
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import type { Config } from "../config.ts";

/** What a token that is good now says. */
export interface Claims {
  readonly [name: string]: unknown;
  readonly exp: number;
}

/** Three parts in base64url, of which the last is an HMAC-SHA-256 (RFC 7515, section 7.1). */
const COMPACT = /^(([\w-]+)\.([\w-]+))\.([\w-]{43})$/;

/**
 * The claims of a token as nearly all are, verified where it is asked for: the general way goes through a thread and
 * back, which takes several times as long. Undefined for what is not plainly good, which may be good all the same: that
 * is for the general way to say. What this accepts that accepts too.
 * @param toleranceSeconds by how much clocks may differ
 */
export function plainClaims(
  { secret, previousSecret, issuer, audience }: Config["jwt"],
  token: string,
  toleranceSeconds: number,
): Claims | undefined {
  const [, content = "", header = "", payload = "", signature = ""] = COMPACT.exec(token) ?? [];
  const given = Buffer.from(signature, "base64url");
  const isSignedWith = (key: string) =>
    timingSafeEqual(createHmac("sha256", keyOf(key)).update(content).digest(), given);
  if (!content || !isPlainHeader(recordIn(header))) return undefined;
  if (!isSignedWith(secret) && !(previousSecret && isSignedWith(previousSecret))) return undefined;
  const claims = recordIn(payload);
  if (!claims || !isInTime(claims, toleranceSeconds)) return undefined;
  const isForUs = (!issuer || claims.iss === issuer) && (!audience || [claims.aud].flat().includes(audience));
  return isForUs ? claims : undefined;
}

/** HS256, and nothing that asks for more than looking at the signature (RFC 7515, section 4.1.11; RFC 7797). */
const isPlainHeader = (header: Record<string, unknown> | undefined) =>
  header?.alg === "HS256" && !("crit" in header) && !("b64" in header);

/** RFC 7519, sections 4.1.4 to 4.1.6. */
function isInTime(claims: Record<string, unknown>, toleranceSeconds: number): claims is Claims {
  const { exp, nbf = 0, iat = 0 } = claims;
  const now = Math.floor(Date.now() / 1_000);
  if (!Number.isFinite(exp) || !Number.isFinite(nbf) || !Number.isFinite(iat)) return false;
  return (exp as number) > now - toleranceSeconds && (nbf as number) <= now + toleranceSeconds;
}

const keys = new Map<string, KeyObject>();

/** Of a secret of the configuration. */
function keyOf(secret: string): KeyObject {
  const key = keys.get(secret) ?? createSecretKey(secret, "utf8");
  keys.set(secret, key);
  return key;
}

/** The JSON object in a part of a token. */
function recordIn(part: string): Record<string, unknown> | undefined {
  const bytes = Buffer.from(part, "base64url");
  if (part.length % 4 === 1 || !isUtf8(bytes)) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
