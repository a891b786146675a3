import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, loadConfig, loadDatabaseUrl, readEnvironment, VARIABLES } from "../../src/config.ts";
import { listenFault } from "../../src/listen-fault.ts";
import { isReturnUrl } from "../../src/return-url.ts";

const PRODUCTION = {
  DATABASE_URL: "postgresql://user:secret@db:5432/payments?sslmode=require",
  REDIS_URL: "redis://redis:6379/3",
  STRIPE_SECRET_KEY: "sk_live_abc",
  STRIPE_WEBHOOK_SECRET: "whsec_abc",
  JWT_SECRET: "x".repeat(32),
};
const DEVELOPMENT = { ...PRODUCTION, NODE_ENV: "development", STRIPE_SECRET_KEY: "sk_test_abc" };

function faultsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

test("the least that production needs is enough, and the rest has defaults", () => {
  expect(loadConfig(PRODUCTION)).toEqual({
    nodeEnv: "production",
    host: "0.0.0.0",
    port: 3004,
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
    jwt: { secret: PRODUCTION.JWT_SECRET, issuer: undefined, audience: undefined },
    corsOrigins: [],
    returnUrlOrigins: [],
    gracePeriodDays: 7,
    trialClaimSecret: expect.stringMatching(/^[0-9a-f]{64}$/),
    invoiceLinkSecret: expect.stringMatching(/^[0-9a-f]{64}$/),
    retention: { payloadDays: 30, eventIdDays: 60, keyDays: 30, outboxDays: 30, intentDays: 90 },
    streamLength: 100_000,
    logLevel: "info",
    worker: "on",
    routerSecret: undefined,
    callbackOrigins: [],
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

test("ids of events are kept for as long as Stripe can send one again", () => {
  expect(faultsOf({ ...PRODUCTION, RETAIN_EVENT_ID_DAYS: "34" })).toEqual([
    "RETAIN_EVENT_ID_DAYS must be a whole number from 35 to 3650",
  ]);
  expect(loadConfig({ ...PRODUCTION, RETAIN_EVENT_ID_DAYS: "35" }).retention.eventIdDays).toBe(35);
});

test("secrets made of JWT_SECRET differ from it, from each other, and with it", () => {
  const secretsOf = (JWT_SECRET: string) => {
    const { jwt, trialClaimSecret, invoiceLinkSecret } = loadConfig({ ...PRODUCTION, JWT_SECRET });
    return [jwt.secret, trialClaimSecret, invoiceLinkSecret];
  };
  const all = [...secretsOf("x".repeat(32)), ...secretsOf("y".repeat(32))];
  expect(new Set(all).size).toBe(6);
  expect(secretsOf("x".repeat(32))).toEqual(all.slice(0, 3));
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
  ...["POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD", "JWT_SECRET", "JWT_ISSUER", "JWT_AUDIENCE"],
  "DATA_DIR",
];

test.each(["bad host", "[::1]", "http://localhost", "localhost:3004", "-x", "a..b", "127.0.0.1/8", "é"])(
  "HOST may not be %j",
  (HOST) => {
    expect(faultsOf({ ...PRODUCTION, HOST })).toEqual([
      "HOST must be an address to listen on, such as 127.0.0.1, :: or localhost",
    ]);
  },
);

test.each([
  "localhost",
  "0.0.0.0",
  "::",
  "fe80::1%eth0",
  "payment_service",
  "pod-1.payments.svc.cluster.local",
])("HOST may be %s", (HOST) => {
  expect(loadConfig({ ...PRODUCTION, HOST }).host).toBe(HOST);
});

test.each([
  ["EADDRINUSE", /^PORT is 3004, which another program listens on/],
  ["EACCES", /^PORT is 3004, which this user may not/],
  ["EADDRNOTAVAIL", /^HOST is 0\.0\.0\.0, which is no address/],
  ["ENOTFOUND", /^HOST is /],
])("an address that cannot be listened on (%s) is a fault of the configuration", (code, words) => {
  const fault = listenFault(Object.assign(new Error("no"), { code }), loadConfig(PRODUCTION));
  expect((fault as ConfigError).faults).toEqual([expect.stringMatching(words)]);
  const other = new Error("no");
  expect(listenFault(other, loadConfig(PRODUCTION))).toBe(other);
});

test("a number is written in digits", () => {
  for (const PORT of ["0x10", "1e3", "3004.0", "-1", "65536", "3004 5"])
    expect([PORT, faultsOf({ ...PRODUCTION, PORT })]).toEqual([
      PORT,
      ["PORT must be a whole number from 0 to 65535"],
    ]);
  expect(loadConfig({ ...PRODUCTION, PORT: "0" }).port).toBe(0);
});

test("the database's address alone is looked at as closely", () => {
  const faultsIn = (env: NodeJS.ProcessEnv) => {
    try {
      return [loadDatabaseUrl(env)];
    } catch (error) {
      return (error as ConfigError).faults;
    }
  };
  const parts = { POSTGRES_HOST: "bad host", POSTGRES_PORT: "0", POSTGRES_DB: "a", POSTGRES_USER: "b" };
  expect(faultsIn({ ...parts, POSTGRES_PASSWORD: "c" })).toEqual([
    "POSTGRES_HOST must be a host's name or address",
    "POSTGRES_PORT must be a whole number from 1 to 65535",
  ]);
  expect(faultsIn({ DATABASE_URL: "mysql://db/payments" })).toEqual([
    "DATABASE_URL must be a URL such as postgresql://user:password@host:5432/name",
  ]);
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

test("the parts of the database's address may hold any character", () => {
  const { DATABASE_URL: _, ...rest } = PRODUCTION;
  const parts = {
    POSTGRES_HOST: "db.internal",
    POSTGRES_DB: "pay/ments?x",
    POSTGRES_USER: "us:er@home",
    POSTGRES_PASSWORD: "p@ss/w#rd?%20:ü&",
  };
  const url = new URL(loadConfig({ ...rest, ...parts }).database.url);
  expect([url.hostname, url.port]).toEqual(["db.internal", "5432"]);
  expect(decodeURIComponent(url.username)).toBe(parts.POSTGRES_USER);
  expect(decodeURIComponent(url.password)).toBe(parts.POSTGRES_PASSWORD);
  expect(decodeURIComponent(url.pathname)).toBe(`/${parts.POSTGRES_DB}`);
  expect(new URL(loadDatabaseUrl({ ...parts, POSTGRES_PORT: "6000" })).port).toBe("6000");
});

test("DATABASE_URL wins over its parts, which count only when complete", () => {
  const parts = { POSTGRES_HOST: "db", POSTGRES_DB: "a", POSTGRES_USER: "b" };
  expect(loadDatabaseUrl({ DATABASE_URL: "postgresql://one/two", ...parts, POSTGRES_PASSWORD: "c" })).toBe(
    "postgresql://one/two",
  );
  expect(() => loadDatabaseUrl(parts)).toThrow(ConfigError);
});

test("a variable set to nothing is one that is not set", () => {
  expect(loadConfig({ ...PRODUCTION, PORT: "", HOST: "  ", NODE_ENV: "" })).toMatchObject({
    nodeEnv: "production",
    port: 3004,
    host: "0.0.0.0",
  });
});

test("return URLs go to the origins of CORS_ORIGIN unless they have a list of their own", () => {
  expect(loadConfig({ ...PRODUCTION, CORS_ORIGIN: "https://a.example" }).returnUrlOrigins).toEqual([
    "https://a.example",
  ]);
  const both = { CORS_ORIGIN: "https://a.example", RETURN_URL_ORIGINS: "https://b.example" };
  expect(loadConfig({ ...PRODUCTION, ...both }).returnUrlOrigins).toEqual(["https://b.example"]);
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

describe("a return URL", () => {
  const ORIGINS = { CORS_ORIGIN: "https://learn.example.com" };
  const production = loadConfig({ ...PRODUCTION, ...ORIGINS });
  const development = loadConfig({ ...DEVELOPMENT, ...ORIGINS });

  test.each([
    "https://learn.example.com",
    "https://learn.example.com/welcome?session={CHECKOUT_SESSION_ID}#top",
    "https://learn.example.com:443/",
    "https://LEARN.example.com/",
  ])("may be %s", (url) => {
    expect([isReturnUrl(production, url), isReturnUrl(development, url)]).toEqual([true, true]);
  });

  test.each([
    "https://user@learn.example.com/",
    "https://:password@learn.example.com/",
    "https://learn.example.com@evil.example/",
    "https://learn.example.com.evil.example/",
    "https://evil.example/?https://learn.example.com",
    "https://learn.example.com:8443/",
    "http://learn.example.com/",
    "https://sub.learn.example.com/",
    "//learn.example.com/",
    "/welcome",
    "javascript:alert(1)//https://learn.example.com",
    "data:text/html,hello",
    "https://learn.example.com\\@evil.example/",
    "https://learn.example.com\t.evil.example/",
    " https://learn.example.com/",
    "https://learn.example.com/\u0000",
    "https://learn.example.com/\nSet-Cookie: a=b",
    "",
  ])("may not be %j, anywhere", (url) => {
    expect([isReturnUrl(production, url), isReturnUrl(development, url)]).toEqual([false, false]);
  });

  test.each([
    "http://localhost:3000/done",
    "http://127.0.0.1:8080/",
    "https://localhost/",
    "http://[::1]:3000/",
  ])("may be %s in development only", (url) => {
    expect([isReturnUrl(production, url), isReturnUrl(development, url)]).toEqual([false, true]);
  });

  test.each(["http://localhost.evil.example/", "http://user@localhost/", "ftp://localhost/"])(
    "may not be %s, even in development",
    (url) => {
      expect(isReturnUrl(development, url)).toBe(false);
    },
  );
});
