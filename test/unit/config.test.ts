import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig, readEnvironment } from "../../src/config.ts";
import { DEVELOPMENT, faultsOf, PRODUCTION } from "../support/environment.ts";

test("the least that production needs is enough, and the rest has defaults", () => {
  expect(loadConfig(PRODUCTION)).toEqual({
    nodeEnv: "production",
    host: "0.0.0.0",
    port: 3004,
    drainSeconds: 5,
    stopSeconds: 30,
    publicUrl: undefined,
    database: { url: PRODUCTION.DATABASE_URL },
    redis: { url: PRODUCTION.REDIS_URL },
    stripe: {
      secretKey: "sk_live_abc",
      webhookSecrets: ["whsec_abc"],
      publishableKey: undefined,
      apiBase: "https://api.stripe.com",
      livemode: true,
      requestsPerSecond: 80,
    },
    jwt: { secret: PRODUCTION.JWT_SECRET, previousSecret: undefined, issuer: undefined, audience: undefined },
    corsOrigins: [],
    returnUrlOrigins: [],
    gracePeriodDays: 7,
    trialClaimSecret: expect.stringMatching(/^[0-9a-f]{64}$/),
    invoiceLinkSecrets: [expect.stringMatching(/^[0-9a-f]{64}$/)],
    retention: { payloadDays: 30, eventIdDays: 60, keyDays: 30, outboxDays: 30, intentDays: 90 },
    streamLength: 100_000,
    logLevel: "info",
    worker: "on",
    routerSecret: undefined,
    callbackOrigins: [],
    trustedProxies: [],
    rateLimits: { reads: 6_000, mutations: 120, checkouts: 20, codes: 20 },
    clock: "system",
    sandboxPort: 12_111,
    dataDir: ".data",
  });
});

test("the configuration cannot be changed, however deep", () => {
  const config = loadConfig(PRODUCTION);
  expect(() => Object.assign(config.stripe, { apiBase: "http://elsewhere" })).toThrow(TypeError);
  expect(() => (config.corsOrigins as string[]).push("https://evil.example")).toThrow(TypeError);
});

test("callbacks go to loopback in development, else only to where somebody has said", () => {
  const originsOf = (env: object) => loadConfig(env as NodeJS.ProcessEnv).callbackOrigins;
  expect(originsOf(DEVELOPMENT)).toBe("loopback");
  expect(originsOf({ ...DEVELOPMENT, NODE_ENV: "test" })).toEqual([]);
  for (const env of [DEVELOPMENT, PRODUCTION])
    expect(originsOf({ ...env, CALLBACK_ORIGINS: "http://router:4000" })).toEqual(["http://router:4000"]);
});

test("ids of events are kept for as long as Stripe can send one again", () => {
  expect(faultsOf({ ...PRODUCTION, RETAIN_EVENT_ID_DAYS: "34" })).toEqual([
    "RETAIN_EVENT_ID_DAYS must be a whole number from 35 to 3650",
  ]);
  expect(loadConfig({ ...PRODUCTION, RETAIN_EVENT_ID_DAYS: "35" }).retention.eventIdDays).toBe(35);
});

test("secrets made of JWT_SECRET differ from it, from each other, and with it", () => {
  const secretsOf = (JWT_SECRET: string) => {
    const { jwt, trialClaimSecret, invoiceLinkSecrets } = loadConfig({ ...PRODUCTION, JWT_SECRET });
    return [jwt.secret, trialClaimSecret, ...invoiceLinkSecrets];
  };
  const all = [...secretsOf("x".repeat(32)), ...secretsOf("y".repeat(32))];
  expect(new Set(all).size).toBe(6);
  expect(secretsOf("x".repeat(32))).toEqual(all.slice(0, 3));
});

test("JWT_SECRET is rolled with the one before it, and only when trials do not hang on it", () => {
  const rolled = { ...PRODUCTION, JWT_SECRET: "y".repeat(32), JWT_SECRET_PREVIOUS: PRODUCTION.JWT_SECRET };
  expect(faultsOf(rolled)).toEqual([
    "TRIAL_CLAIM_SECRET is not set: while JWT_SECRET is rolled everybody would get another trial",
  ]);
  const { jwt, invoiceLinkSecrets } = loadConfig({ ...rolled, TRIAL_CLAIM_SECRET: "z".repeat(32) });
  expect(jwt).toMatchObject({ secret: "y".repeat(32), previousSecret: PRODUCTION.JWT_SECRET });
  expect(invoiceLinkSecrets[1]).toBe(loadConfig(PRODUCTION).invoiceLinkSecrets[0]);
});

test("where browsers reach the service is said, or known of a machine that serves itself, or not known", () => {
  const publicUrlOf = (env: object) => loadConfig(env as NodeJS.ProcessEnv).publicUrl;
  expect(publicUrlOf(PRODUCTION)).toBeUndefined();
  expect(publicUrlOf({ ...PRODUCTION, PUBLIC_URL: "https://pay.example.com/" })).toBe(
    "https://pay.example.com",
  );
  expect(publicUrlOf({ ...PRODUCTION, PUBLIC_URL: "https://api.example.com/payments" })).toBe(
    "https://api.example.com/payments",
  );
  expect(publicUrlOf(DEVELOPMENT)).toBe("http://127.0.0.1:3004");
  expect(publicUrlOf({ ...DEVELOPMENT, HOST: "::", PORT: "80" })).toBe("http://localhost:80");
  expect(publicUrlOf({ ...DEVELOPMENT, HOST: "::1" })).toBe("http://[::1]:3004");
  expect(publicUrlOf({ ...DEVELOPMENT, PORT: "0" })).toBeUndefined();
  expect(publicUrlOf({ ...DEVELOPMENT, PUBLIC_URL: "http://10.0.0.7:3004" })).toBe("http://10.0.0.7:3004");
  expect(faultsOf({ ...PRODUCTION, PUBLIC_URL: "http://pay.example.com" })).toEqual([
    "PUBLIC_URL must be an https URL in production",
  ]);
  for (const PUBLIC_URL of [
    "pay.example.com",
    "https://a:b@c.d",
    "https://a.b/?c",
    "https://a.b/#",
    "ftp://a.b",
  ])
    expect(faultsOf({ ...PRODUCTION, PUBLIC_URL })).toEqual([
      "PUBLIC_URL must be a URL such as https://payments.example.com, without query and login",
    ]);
});

test("production counts bytes of the JWT secret, not characters, and lets http pages call by CORS", () => {
  const env = {
    ...PRODUCTION,
    JWT_SECRET: "é".repeat(16),
    CORS_ORIGIN: "http://localhost:3000,https://a.example",
  };
  expect(loadConfig(env).corsOrigins).toEqual(["http://localhost:3000", "https://a.example"]);
});

test("development allows what production refuses, and listens on loopback", () => {
  const env = {
    ...DEVELOPMENT,
    STRIPE_API_BASE: "http://127.0.0.1:12111/",
    JWT_SECRET: "short",
    CLOCK: "sandbox",
  };
  expect(loadConfig(env)).toMatchObject({
    host: "127.0.0.1",
    clock: "sandbox",
    stripe: { apiBase: "http://127.0.0.1:12111", livemode: false },
  });
  expect(loadConfig({ ...env, HOST: "::" }).host).toBe("::");
});

test("a publishable key of another mode than the secret key refuses the start, in every environment", () => {
  const fault = "STRIPE_PUBLISHABLE_KEY is of another mode (test, live) than STRIPE_SECRET_KEY";
  expect(faultsOf({ ...PRODUCTION, STRIPE_PUBLISHABLE_KEY: "pk_test_abc" })).toEqual([fault]);
  expect(faultsOf({ ...DEVELOPMENT, STRIPE_PUBLISHABLE_KEY: "pk_live_abc" })).toEqual([fault]);
  expect(faultsOf({ ...DEVELOPMENT, STRIPE_PUBLISHABLE_KEY: "pk_test_abc" })).toEqual([]);
});

test("a restricted key is a secret key", () => {
  expect(loadConfig({ ...PRODUCTION, STRIPE_SECRET_KEY: "rk_live_abc" }).stripe.livemode).toBe(true);
});

test("several webhook secrets are told apart at commas, blanks around them ignored", () => {
  const { stripe } = loadConfig({ ...PRODUCTION, STRIPE_WEBHOOK_SECRET: " whsec_new , whsec_old," });
  expect(stripe.webhookSecrets).toEqual(["whsec_new", "whsec_old"]);
  expect(faultsOf({ ...PRODUCTION, STRIPE_WEBHOOK_SECRET: "," })).toHaveLength(1);
});

test("a variable set to nothing is one that is not set", () => {
  expect(loadConfig({ ...PRODUCTION, PORT: "", HOST: "  ", NODE_ENV: "" })).toMatchObject({
    nodeEnv: "production",
    port: 3004,
    host: "0.0.0.0",
  });
});

describe("the process's environment", () => {
  const before = process.cwd();
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "config-test-"));
    process.chdir(folder);
  });
  afterEach(() => {
    process.chdir(before);
    delete process.env.GRACE_PERIOD_DAYS;
    rmSync(folder, { recursive: true });
  });

  test("wins over .env, which fills in the rest", () => {
    writeFileSync(".env", "GRACE_PERIOD_DAYS=3\nROUTER_SECRET='quoted secret of the file'\n# comment\n");
    expect(readEnvironment()).toMatchObject({
      GRACE_PERIOD_DAYS: "3",
      ROUTER_SECRET: "quoted secret of the file",
    });
    process.env.GRACE_PERIOD_DAYS = "5";
    expect(readEnvironment().GRACE_PERIOD_DAYS).toBe("5");
  });

  test("needs no .env", () => {
    expect(readEnvironment().PATH).toBe(process.env.PATH);
  });
});

describe("how often a caller may ask", () => {
  const limits = (env: NodeJS.ProcessEnv) => loadConfig(env).rateLimits;

  test("reads are limited in production only, unless it is said; everything else is everywhere", () => {
    const others = { mutations: 120, checkouts: 20, codes: 20 };
    expect(limits(PRODUCTION)).toEqual({ reads: 6_000, ...others });
    expect(limits(DEVELOPMENT)).toEqual({ reads: 0, ...others });
    expect(limits({ ...DEVELOPMENT, RATE_LIMIT_READS: "9" }).reads).toBe(9);
  });

  test("RATE_LIMIT=off ends them all", () => {
    const off = { reads: 0, mutations: 0, checkouts: 0, codes: 0 };
    expect(limits({ ...PRODUCTION, RATE_LIMIT: "off", RATE_LIMIT_CODES: "5" })).toEqual(off);
  });

  test("proxies are trusted by address or CIDR, and nothing else starts", () => {
    expect(loadConfig({ ...PRODUCTION, TRUST_PROXY: "10.0.0.0/8, ::1" }).trustedProxies).toHaveLength(2);
    for (const TRUST_PROXY of ["true", "10.0.0.0/64", "loopback", "10.0.0.0/8;::1"])
      expect(faultsOf({ ...PRODUCTION, TRUST_PROXY })).toEqual([
        "TRUST_PROXY must be addresses or CIDRs such as 10.0.0.0/8, comma-separated",
      ]);
  });
});

test("traces go where OpenTelemetry's own variables say, and nowhere when they do not", () => {
  const tracesOf = (env: NodeJS.ProcessEnv) => loadConfig({ ...PRODUCTION, ...env }).traces;
  expect(tracesOf({ OTEL_SERVICE_NAME: "payments" })).toBeUndefined();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/",
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20abc, x-tenant=7",
    OTEL_TRACES_SAMPLER_ARG: "0.25",
  };
  expect(tracesOf(env)).toEqual({
    endpoint: "http://collector:4318",
    headers: { authorization: "Bearer abc", "x-tenant": "7" },
    serviceName: "payment-service",
    ratio: 0.25,
  });
  const wrong = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318",
    OTEL_EXPORTER_OTLP_HEADERS: "abc, x=%E0%A4%A",
    OTEL_TRACES_SAMPLER_ARG: "2",
  };
  expect(faultsOf({ ...PRODUCTION, ...wrong })).toEqual([
    "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL such as http://collector:4318",
    "OTEL_EXPORTER_OTLP_HEADERS must be name=value pairs, comma-separated and percent-encoded",
    "OTEL_TRACES_SAMPLER_ARG must be a share from 0 to 1",
  ]);
});
