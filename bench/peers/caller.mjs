// Who asks: the same check of the token as the service's. What was verified is remembered until it ends, since a good
// server would: the same few callers ask all the time.
import { webcrypto } from "node:crypto";
import { jwtVerify } from "jose";

const { JWT_SECRET } = process.env;
const key = await webcrypto.subtle.importKey(
  "raw",
  new TextEncoder().encode(JWT_SECRET),
  { name: "HMAC", hash: "SHA-256" },
  false,
  ["verify"],
);
const MOST = 10_000;
const remembered = new Map();

/** Null: nobody is signed in, or nobody who can be trusted. */
export async function callerOf(header) {
  if (!header) return null;
  const known = remembered.get(header);
  if (known) return known.endsAt > Date.now() ? known : null;
  const { payload } = await jwtVerify(header.replace(/^Bearer /, ""), key, {
    algorithms: ["HS256"],
    requiredClaims: ["sub", "exp"],
  });
  const isStaff = payload.roles.includes("admin") || payload.roles.includes("service");
  const caller = { id: payload.sub, isStaff, endsAt: payload.exp * 1_000 };
  if (remembered.size === MOST) remembered.delete(remembered.keys().next().value);
  remembered.set(header, caller);
  return caller;
}

export function assertMaySee(caller, userId) {
  if (!caller || !(caller.isStaff || caller.id === userId)) throw new Error("This belongs to another user.");
}

export function targetUser(caller, userId) {
  assertMaySee(caller, userId ?? caller?.id);
  return userId ?? caller.id;
}
