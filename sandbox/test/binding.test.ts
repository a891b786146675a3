import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import http from "node:http";
import { networkInterfaces } from "node:os";
import { type Sandbox, startSandbox } from "../index.ts";

const outward = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;

const started: Sandbox[] = [];
afterEach(async () => {
  for (const sandbox of started.splice(0)) await sandbox.close();
});

/** A sandbox, and what it says at its start. */
async function start(options: Parameters<typeof startSandbox>[0]): Promise<[Sandbox, string]> {
  const lines: string[] = [];
  const sandbox = await startSandbox({ port: 0, log: (line) => lines.push(line), ...options });
  started.push(sandbox);
  return [sandbox, lines.join("\n")];
}

const answers = (host: string, port: number) =>
  fetch(`http://${host}:${port}/v1/account`).then(
    ({ status }) => status,
    () => "nobody there",
  );

const reachable = outward ? test : test.skip;

reachable("binds loopback, says so, and cannot be reached from elsewhere", async () => {
  const [sandbox, said] = await start({});
  expect(said).toContain("bound to 127.0.0.1, loopback only");
  expect(await answers("127.0.0.1", sandbox.port)).toBe(401);
  expect(await answers(outward!, sandbox.port)).toBe("nobody there");
});

reachable("binds another address when told to, and warns of it", async () => {
  const [sandbox, said] = await start({ host: "0.0.0.0" });
  expect(said).toContain("bound to 0.0.0.0: anyone who reaches this machine can use it");
  expect(await answers(outward!, sandbox.port)).toBe(401);
});

const statusFor = (port: number, host: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    const options = { port, host: "127.0.0.1", path: "/sandbox/time", headers: { host } };
    http.get(options, (response) => resolve(response.resume().statusCode)).on("error", reject);
  });

test("answers for its own paths only to loopback's names and those that it was told", async () => {
  const [sandbox] = await start({ host: "0.0.0.0", allowedHosts: ["Stripe", "stripe.shop.svc"] });
  const hosts = [
    "stripe:12111",
    "STRIPE",
    "stripe.shop.svc:80",
    "localhost",
    "evil.test",
    "stripe.evil.test",
  ];
  const answers = await Promise.all(hosts.map((host) => statusFor(sandbox.port, host)));
  expect(answers).toEqual([200, 200, 200, 200, 403, 403]);
});

test("npm run sandbox -- --help tells every variable that is read, and starts nothing", () => {
  const env = { ...process.env, NODE_OPTIONS: "", SANDBOX_PORT: "none" };
  const help = execFileSync(process.execPath, ["sandbox/main.ts", "--help"], { env }).toString();
  const source = readFileSync("sandbox/main.ts", "utf8");
  const [, read = ""] = /const \{([^}]+)\} = process\.env/.exec(source)!;
  const names = [...read.matchAll(/[A-Z_]+/g)].map(([name]) => name);
  expect(names).toContain("HOST");
  expect(names.filter((name) => !help.includes(name))).toEqual([]);
});
