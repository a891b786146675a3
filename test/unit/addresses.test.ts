import { ConfigError, loadConfig, loadDatabaseUrl } from "../../src/config.ts";
import { listenFault } from "../../src/listen-fault.ts";
import { faultsOf, PRODUCTION } from "../support/environment.ts";

// Where the service listens, and where its database is.

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
