import { createHmac } from "node:crypto";
import { Caller, type Role } from "../../src/auth/caller.ts";
import { plainClaims } from "../../src/auth/plain-token.ts";
import { callerOf, rememberedCallers, signToken } from "../../src/auth/token.ts";
import { BadUserInput, Forbidden, Unauthenticated } from "../../src/errors.ts";

const SECRET = "a secret that is long enough for HS512 as well: 64 bytes or more, here";
const now = () => Math.floor(Date.now() / 1000);
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token made by hand, so that it may be wrong in any way. */
function forge(
  claims: object,
  header: object = { alg: "HS256", typ: "JWT" },
  hash = "sha256",
  secret = SECRET,
): string {
  return signed(part(header), part(claims), hash, secret);
}
function signed(header: string, payload: string, hash = "sha256", secret = SECRET): string {
  const content = `${header}.${payload}`;
  return `${content}.${createHmac(hash, secret).update(content).digest("base64url")}`;
}
const latin1 = (value: object) => Buffer.from(JSON.stringify(value), "latin1").toString("base64url");
const claims = (more: object = {}) => ({ sub: "learner-1", exp: now() + 600, ...more });
const callerWith = (token: string, jwt: { issuer?: string; audience?: string } = {}) =>
  callerOf({ secret: SECRET, ...jwt }, `Bearer ${token}`);

describe("a token", () => {
  test("of the platform makes a known caller", async () => {
    const token = await signToken(
      { secret: SECRET },
      { sub: "learner-1", email: "l@example.com", roles: ["admin"] },
    );
    const caller = await callerWith(token);
    expect(caller).toMatchObject({ isKnown: true, id: "learner-1", email: "l@example.com", isAdmin: true });
    expect(caller.expiresAt?.getTime()).toBeGreaterThan(Date.now());
  });

  test("may come without Bearer, and with it in any case", async () => {
    const token = forge(claims());
    for (const header of [token, `Bearer ${token}`, `bearer  ${token}`, ` ${token} `])
      expect((await callerOf({ secret: SECRET }, header)).id).toBe("learner-1");
  });

  test("is good under the secret before this one, while that is being rolled, and under no third", async () => {
    const jwt = { secret: SECRET, previousSecret: "the one before, which is long enough as well" };
    const by = (secret: string) => forge(claims(), undefined, "sha256", secret);
    for (const secret of [jwt.secret, jwt.previousSecret])
      expect((await callerOf(jwt, by(secret))).id).toBe("learner-1");
    expect(await callerOf(jwt, by("another"))).toBe(Caller.untrusted);
    const old = forge(claims({ exp: now() - 40 }), undefined, "sha256", jwt.previousSecret);
    expect(await callerOf(jwt, old)).toBe(Caller.untrusted);
  });

  test("that is not there leaves its bearer anonymous", async () => {
    for (const header of [undefined, "", "  ", "Bearer "])
      expect(await callerOf({ secret: SECRET }, header)).toBe(Caller.anonymous);
  });

  test.each([
    ["is unsigned", `${part({ alg: "none" })}.${part(claims())}.`],
    ["claims alg none with a signature", forge(claims(), { alg: "none" })],
    ["is signed with another secret", forge(claims(), undefined, "sha256", "another secret")],
    ["is signed with HS512", forge(claims(), { alg: "HS512" }, "sha512")],
    ["names RS256 over an HMAC", forge(claims(), { alg: "RS256" })],
    ["has no exp", forge({ sub: "learner-1" })],
    ["has no sub", forge({ exp: now() + 600 })],
    ["has an empty sub", forge(claims({ sub: "" }))],
    ["has a sub of 129 characters", forge(claims({ sub: "x".repeat(129) }))],
    ["has a sub with a control character", forge(claims({ sub: "learner\u0000" }))],
    ["has a sub that is no text", forge(claims({ sub: 1 }))],
    ["expired beyond the skew", forge(claims({ exp: now() - 40 }))],
    ["is not valid yet", forge(claims({ nbf: now() + 600 }))],
    ["was altered", forge(claims()).replace(/\.[^.]+\./, `.${part(claims({ sub: "admin" }))}.`)],
    ["has a critical header that nobody knows", forge(claims(), { alg: "HS256", crit: ["x"], x: 1 })],
    ["has claims that are no object", forge(["learner-1"])],
    ["has claims that are no JSON", signed(part({ alg: "HS256" }), Buffer.from("{").toString("base64url"))],
    ["has claims that are no UTF-8", signed(part({ alg: "HS256" }), latin1(claims({ sub: "learn\u00e9r" })))],
    ["has an exp that is no number", forge(claims({ exp: `${now() + 600}` }))],
    ["has an nbf that is no number", forge(claims({ nbf: null }))],
    ["has an iat that is no number", forge(claims({ iat: "yesterday" }))],
    ["has a signature cut short", forge(claims()).slice(0, -1)],
    ["has a fourth part", `${forge(claims())}.x`],
    ["has an unencoded payload", forge(claims(), { alg: "HS256", crit: ["b64"], b64: false })],
    ["is no token", "not-a-token"],
    ["is of another scheme", "Basic dXNlcjpwYXNzd29yZA=="],
  ])("that %s makes a caller who cannot be trusted", async (_why, token) => {
    expect(await callerOf({ secret: SECRET }, token)).toBe(Caller.untrusted);
    expect(await rememberedCallers({ secret: SECRET })(token)).toBe(Caller.untrusted);
  });

  test("as nearly all are is told without waiting, one that asks for more by the library", async () => {
    const jwt = { secret: SECRET, issuer: "https://auth.example.com", audience: "payments" };
    const plain = await signToken(jwt, { sub: "learner-1" });
    expect(rememberedCallers(jwt)(`Bearer ${plain}`)).toMatchObject({ isKnown: true, id: "learner-1" });
    const unusual = forge(claims(), { alg: "HS256", crit: ["b64"], b64: true });
    expect(plainClaims({ secret: SECRET }, unusual, 30)).toBeUndefined();
    expect((await callerWith(unusual)).id).toBe("learner-1");
  });

  test("is good for 30 seconds more than it says, on every transport", async () => {
    const exp = now() - 15;
    const caller = await callerWith(forge(claims({ exp })));
    expect(caller.isKnown).toBe(true);
    expect(caller.expiresAt).toEqual(new Date((exp + 30) * 1000));
  });

  test.each<[roles: unknown, expected: Role[]]>([
    [undefined, ["user"]],
    [[], ["user"]],
    ["admin", ["user"]],
    [["root", "superuser"], ["user"]],
    [["root", "admin"], ["admin"]],
    [
      ["service", "user"],
      ["user", "service"],
    ],
    [{ admin: true }, ["user"]],
  ])("with the roles %j has %j", async (roles, expected) => {
    expect([...(await callerWith(forge(claims({ roles })))).roles].sort()).toEqual([...expected].sort());
  });

  test("of another issuer or audience is refused when those are set, and only then", async () => {
    const jwt = { issuer: "https://auth.example.com", audience: "payments" };
    const right = forge(claims({ iss: jwt.issuer, aud: ["courses", "payments"] }));
    expect((await callerWith(right, jwt)).isKnown).toBe(true);
    for (const wrong of [
      {},
      { iss: jwt.issuer },
      { aud: jwt.audience },
      { iss: "https://evil.example", aud: "payments" },
    ])
      expect((await callerWith(forge(claims(wrong)), jwt)).isUntrusted).toBe(true);
    expect((await callerWith(forge(claims({ iss: "anyone", aud: "anything" })))).isKnown).toBe(true);
  });

  test("that this service signs carries the issuer and audience it would ask for", async () => {
    const jwt = { secret: SECRET, issuer: "https://auth.example.com", audience: "payments" };
    expect((await callerOf(jwt, await signToken(jwt, { sub: "a" }))).isKnown).toBe(true);
  });
});

describe("whom a query is about", () => {
  const known = (...roles: Role[]) => Caller.known("me", null, new Set(roles), new Date(Date.now() + 60_000));
  const [user, admin, service] = [known("user"), known("admin"), known("service")];

  test("is the caller when nobody is named", () => {
    for (const nobody of [null, undefined]) {
      expect(user.targetUser(nobody)).toBe("me");
      expect(admin.targetUser(nobody)).toBe("me");
    }
  });

  test("cannot be left out by a service, which is no user", () => {
    expect(() => service.targetUser(null)).toThrow(BadUserInput);
    expect(() => service.ownId()).toThrow(BadUserInput);
  });

  test("may be anyone for admins and services, and only themselves for users", () => {
    expect(user.targetUser("me")).toBe("me");
    expect(() => user.targetUser("you")).toThrow(Forbidden);
    expect([admin.targetUser("you"), service.targetUser("you")]).toEqual(["you", "you"]);
  });

  test("is refused to nobody and to untrusted tokens, whoever is named", () => {
    for (const caller of [Caller.anonymous, Caller.untrusted])
      for (const target of [null, "me", "you"])
        expect(() => caller.targetUser(target)).toThrow(Unauthenticated);
  });

  test("has 1 to 128 printable characters, checked before anything else is told", () => {
    for (const malformed of ["", "x".repeat(129), "a\u0000b", "a\nb", "\ud800", "\u200b"])
      for (const caller of [user, admin]) expect(() => caller.targetUser(malformed)).toThrow(BadUserInput);
    for (const fine of ["x".repeat(128), "ünïcødé 名前", "auth0|5f7c8ec7", "a b"])
      expect(admin.targetUser(fine)).toBe(fine);
  });

  test("an anonymous caller sees no rows, not even those of a user without a name", () => {
    for (const caller of [Caller.anonymous, Caller.untrusted])
      expect([caller.maySee(""), caller.maySee("anonymous")]).toEqual([false, false]);
  });

  test("is named in the audit log by role", () => {
    expect([user.actor, admin.actor, service.actor]).toEqual(["user:me", "admin:me", "service:me"]);
  });
});
