import { webcrypto } from "node:crypto";
import { errors, type JWTVerifyResult, jwtVerify, SignJWT } from "jose";
import type { Config } from "../config.ts";
import { Caller, isPseudonym, OPAQUE_ID, ROLES, type Role } from "./caller.ts";
import { type Claims, plainClaims } from "./plain-token.ts";

const ALGORITHM = "HS256";
const CLOCK_SKEW_SECONDS = 30;

const tokenIn = (header: string | undefined) => header?.replace(/^Bearer\s+/i, "").trim();

/** Reads `Authorization: Bearer …` or a bare token. No token: anonymous. A bad one: untrusted, never an error. */
export async function callerOf(jwt: Config["jwt"], header: string | undefined): Promise<Caller> {
  return callerBy(jwt, tokenIn(header));
}

/** The same for a bare token; at once where that can be told at once. */
function callerBy(jwt: Config["jwt"], token: string | undefined): Caller | Promise<Caller> {
  if (!token) return Caller.anonymous;
  const claims = plainClaims(jwt, token, CLOCK_SKEW_SECONDS);
  if (claims) return callerIn(claims);
  return verified(jwt, token).then(
    ({ payload }) => callerIn(payload as Claims),
    () => Caller.untrusted,
  );
}

function callerIn({ sub, email, roles, exp }: Claims): Caller {
  if (typeof sub !== "string" || !OPAQUE_ID.test(sub) || isPseudonym(sub)) return Caller.untrusted;
  const expiresAt = new Date((exp + CLOCK_SKEW_SECONDS) * 1000);
  return Caller.known(sub, typeof email === "string" ? email : null, rolesIn(roles), expiresAt);
}

const verifyingKeys = new Map<string, Promise<webcrypto.CryptoKey>>();

/** Of a secret of the configuration; made once, which takes as long as to verify a token. */
function verifyingKey(secret: string): Promise<webcrypto.CryptoKey> {
  const known = verifyingKeys.get(secret);
  if (known) return known;
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const made = webcrypto.subtle.importKey("raw", new TextEncoder().encode(secret), algorithm, false, [
    "verify",
  ]);
  verifyingKeys.set(secret, made);
  return made;
}

/** @throws JOSEError for a token that neither the secret nor the one before it has signed, or that is not good */
async function verified(
  { secret, previousSecret, issuer, audience }: Config["jwt"],
  token: string,
): Promise<JWTVerifyResult> {
  const options = {
    ...{ algorithms: [ALGORITHM], clockTolerance: CLOCK_SKEW_SECONDS, requiredClaims: ["sub", "exp"] },
    ...(issuer && { issuer }),
    ...(audience && { audience }),
  };
  const by = async (key: string) => jwtVerify(token, await verifyingKey(key), options);
  if (!previousSecret) return by(secret);
  return by(secret).catch((error: unknown) => {
    if (error instanceof errors.JWSSignatureVerificationFailed) return by(previousSecret);
    throw error;
  });
}

/** Who an `Authorization` header stands for, as {@link callerOf} says. */
export type Callers = (header: string | undefined) => Caller | Promise<Caller>;

/** How long a token that was verified is not verified again; never past its end. */
const REMEMBERED_MS = 60_000;
const MOST_REMEMBERED = 10_000;

/** In characters. A longer token is verified each time. */
const LONGEST_REMEMBERED = 2_048;

/** Who asks, by tokens that are verified once a minute: the same ones come again and again. */
export function rememberedCallers(jwt: Config["jwt"]): Callers {
  const known = new Map<string, { caller: Caller; until: number }>();
  const remember = (token: string, caller: Caller) => {
    known.delete(token);
    if (caller.expiresAt === null || token.length > LONGEST_REMEMBERED) return caller;
    const until = Math.min(Date.now() + REMEMBERED_MS, caller.expiresAt.getTime());
    known.set(token, { caller, until });
    // the first in the map is the one verified longest ago
    for (const oldest of known.keys())
      if (known.size > MOST_REMEMBERED) known.delete(oldest);
      else break;
    return caller;
  };
  return (header) => {
    const token = tokenIn(header) ?? "";
    const found = known.get(token);
    if (found && Date.now() < found.until) return found.caller;
    const caller = callerBy(jwt, token);
    return caller instanceof Promise ? caller.then((one) => remember(token, one)) : remember(token, caller);
  };
}

/** The roles of a token; unknown ones are ignored, none means a plain user. */
function rolesIn(claim: unknown): ReadonlySet<Role> {
  const roles = Array.isArray(claim) ? ROLES.filter((role) => claim.includes(role)) : [];
  return new Set(roles.length ? roles : ["user"]);
}

/** Signs a token as the platform's identity service does; for development, tests and commands. */
export async function signToken(
  jwt: Config["jwt"],
  claims: { sub: string; email?: string; roles?: string[] },
  expiresIn = "12h",
): Promise<string> {
  const token = new SignJWT({ email: claims.email, roles: claims.roles ?? ["user"] })
    .setProtectedHeader({ alg: ALGORITHM, typ: "JWT" })
    .setSubject(claims.sub)
    .setIssuedAt()
    .setExpirationTime(expiresIn);
  if (jwt.issuer) token.setIssuer(jwt.issuer);
  if (jwt.audience) token.setAudience(jwt.audience);
  return token.sign(new TextEncoder().encode(jwt.secret));
}
