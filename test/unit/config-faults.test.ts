import { ConfigError, loadConfig, VARIABLES } from "../../src/config.ts";
import { faultsOf, PRODUCTION } from "../support/environment.ts";

test("every fault is named at once, in one message", () => {
  const env = {
    PORT: "eighty",
    REDIS_URL: "http://redis",
    STRIPE_SECRET_KEY: "pk_live_abc",
    STRIPE_WEBHOOK_SECRET: "whsec_a,secret",
    JWT_SECRET: "short",
    CORS_ORIGIN: "https://example.com/",
    RETURN_URL_ORIGINS: "http://example.com",
    GRACE_PERIOD_DAYS: "-1",
    LOG_LEVEL: "loud",
    WORKER: "maybe",
    STRIPE_API_BASE: "http://127.0.0.1:12111",
    ROUTER_SECRET: "short",
    CLOCK: "sandbox",
  };
  const faults = faultsOf(env);
  for (const name of [...Object.keys(env), "DATABASE_URL"])
    expect([name, faults.filter((fault) => fault.startsWith(name)).length]).toEqual([name, 1]);
  expect(new ConfigError(faults).message.split("\n")).toHaveLength(faults.length + 1);
});

test("an empty environment says what is not set", () => {
  expect(faultsOf({})).toEqual([
    expect.stringMatching(/^DATABASE_URL is not set \(nor POSTGRES_HOST/),
    "JWT_SECRET is not set",
    "REDIS_URL is not set",
    "STRIPE_SECRET_KEY is not set",
    "STRIPE_WEBHOOK_SECRET is not set",
  ]);
});

test("every fault is a plain sentence that names the variable and what is expected", () => {
  // as if by a slip of the keyboard: no value that any of them takes
  const junk = Object.fromEntries(
    VARIABLES.filter((name) => !ANYTHING.includes(name)).map((name) => [name, "bad value"]),
  );
  const faults = faultsOf({ ...junk, JWT_SECRET: "x", CORS_ORIGIN: "a,b" });
  expect(faults.map((fault) => fault.split(" ")[0])).toEqual(Object.keys(junk).sort());
  for (const fault of faults) {
    expect(fault).toMatch(/^[A-Z_]+ must (be|have) .{10,}$/);
    expect(fault).not.toMatch(/invalid|expected|received|NaN|>=|<=/i);
  }
  expect(faults).toContain("PORT must be a whole number from 0 to 65535");
  expect(faults).toContain("WORKER must be one of on, off, only");
});
/** What takes any text. */
const ANYTHING = [
  "OTEL_SERVICE_NAME",
  ...["POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD", "JWT_SECRET", "JWT_ISSUER", "JWT_AUDIENCE"],
  ...["DATA_DIR", "JWT_SECRET_PREVIOUS"],
];

test("a number is written in digits", () => {
  for (const PORT of ["0x10", "1e3", "3004.0", "-1", "65536", "3004 5"])
    expect([PORT, faultsOf({ ...PRODUCTION, PORT })]).toEqual([
      PORT,
      ["PORT must be a whole number from 0 to 65535"],
    ]);
  expect(loadConfig({ ...PRODUCTION, PORT: "0" }).port).toBe(0);
});

test("a message never repeats a secret", () => {
  const message = new ConfigError(
    faultsOf({ JWT_SECRET: "hush", STRIPE_SECRET_KEY: "hush_key", REDIS_URL: "hush" }),
  ).message;
  expect(message).not.toContain("hush");
});

test("production refuses another Stripe, a short JWT secret, the sandbox's clock and http return origins", () => {
  expect(
    faultsOf({
      ...PRODUCTION,
      STRIPE_API_BASE: "https://api.stripe.com.evil.example",
      JWT_SECRET: "é".repeat(15),
      CLOCK: "sandbox",
      RETURN_URL_ORIGINS: "https://good.example,http://bad.example",
    }),
  ).toEqual([
    "CLOCK may only be system in production",
    "JWT_SECRET must have at least 32 bytes in production",
    "RETURN_URL_ORIGINS may only hold https origins in production",
    "STRIPE_API_BASE may only be https://api.stripe.com in production",
  ]);
});
