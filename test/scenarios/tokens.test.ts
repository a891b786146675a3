import { createHmac } from "node:crypto";
import { SignJWT } from "jose";
import { startService, type TestService } from "../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

describe("tokens that cannot be trusted", () => {
  const claims = { sub: "somebody", roles: ["admin"] };
  const key = (secret: string) => new TextEncoder().encode(secret);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const inAnHour = Math.floor(Date.now() / 1000) + 3_600;
  test.each<[string, () => Promise<string> | string]>([
    [
      "expired",
      () =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: "HS256" })
          .setExpirationTime(inAnHour - 7_200)
          .sign(key(service.config.jwt.secret)),
    ],
    ["unsigned", () => `${part({ alg: "none" })}.${part({ ...claims, exp: inAnHour })}.`],
    [
      "signed by somebody else",
      () =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: "HS256" })
          .setExpirationTime("1h")
          .sign(key("another secret that is long enough")),
    ],
    [
      "signed with another algorithm",
      () =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: "HS512" })
          .setExpirationTime("1h")
          .sign(key(service.config.jwt.secret)),
    ],
    [
      "without an end",
      () => new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(key(service.config.jwt.secret)),
    ],
    [
      "without a subject",
      () =>
        new SignJWT({ roles: ["admin"] })
          .setProtectedHeader({ alg: "HS256" })
          .setExpirationTime("1h")
          .sign(key(service.config.jwt.secret)),
    ],
    [
      "changed after signing",
      () =>
        `${part({ alg: "HS256" })}.${part({ ...claims, exp: inAnHour })}.${createHmac("sha256", "x").update("y").digest("base64url")}`,
    ],
  ])("%s", async (_name, make) => {
    const token = await make();
    const { errors } = await service.ask("{ subscriptionStatus { id } }", {}, token);
    expect(errors?.[0]?.extensions.code).toBe("UNAUTHENTICATED");
    expect((await service.ask("{ plans { id } }", {}, token)).data.plans).toHaveLength(4);
  });
});

test("answers are not to be stored, except public ones without a token", async () => {
  const token = await service.token("somebody");
  const cacheOf = async (query: string, bearer?: string) => {
    const response = await fetch(`${service.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(bearer && { authorization: `Bearer ${bearer}` }) },
      body: JSON.stringify({ query }),
    });
    return response.headers.get("cache-control");
  };
  expect(await cacheOf("{ plans { id } paymentConfig { publishableKey } }")).toContain("public");
  expect(await cacheOf("{ plans { id } }", token)).toBe("no-store");
  expect(await cacheOf("{ plans { id } subscriptionStatus { id } }", token)).toBe("no-store");
  expect(await cacheOf("{ plans { id } subscriptionStatus { id } }")).toBe("no-store");
});
