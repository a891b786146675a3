import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { removePostgresData } from "../../dev/embedded/postgres-place.ts";
import { isAlive } from "../../dev/embedded/processes.ts";
import { type Watched, watch } from "../support/processes.ts";
import { ROOT } from "../support/root.ts";

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
const canUnshare = isRoot && spawnSync("unshare", ["-m", "true"]).status === 0;
const canSetpriv = isRoot && spawnSync("setpriv", ["--version"]).status === 0;

/** A test where the machine allows it; elsewhere it is skipped and says why. */
const itWhen = (possible: boolean, reason: string) => (name: string, test: () => Promise<void>) =>
  possible ? it(name, test) : it.skip(`${name} (not tried: ${reason})`, test);

/** A real checkout in all that matters: compiled code and packages, as hard links instead of second copies. */
function makeCheckout(folder: string): void {
  mkdirSync(join(folder, "dist"), { recursive: true });
  for (const part of ["dev/embedded", "test/dev/owner.js"])
    cpSync(join(ROOT, "dist", part), join(folder, "dist", part), { recursive: true });
  cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
  const packages = `${join(ROOT, "node_modules")}/.`;
  mkdirSync(join(folder, "node_modules"));
  if (spawnSync("cp", ["-al", packages, join(folder, "node_modules")]).status !== 0)
    spawnSync("cp", ["-a", packages, join(folder, "node_modules")]); // on another file system
}

async function started(owner: Watched): Promise<{ url: string; place: string }> {
  const [line] = await owner.until(/^\{.*\}$/m);
  return JSON.parse(line) as { url: string; place: string };
}

async function expectAnswer(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  await client.end();
}

describe("the embedded PostgreSQL", () => {
  let folder: string;
  let checkout: string;
  let command: [string, ...string[]];
  const dataDir = () => join(checkout, ".data");

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "checkout-test-")); // of mode 0700
    checkout = join(folder, "checkout");
    mkdirSync(checkout);
    if (isRoot) makeCheckout(checkout);
    const [node, home] = isRoot
      ? [join(checkout, "node_modules/node/bin/node"), checkout]
      : [process.execPath, ROOT]; // the real checkout is an ordinary user's already
    command = [node, join(home, "dist/test/dev/owner.js"), "postgres", dataDir()];
  }, 60_000);
  afterEach(async () => {
    await removePostgresData(dataDir());
    rmSync(dataDir(), { recursive: true, force: true });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  itWhen(isRoot, "needs root")(
    "runs as root in a checkout under a 0700 folder, with the data outside of it",
    async () => {
      chmodSync(folder, 0o700);
      const [program, ...args] = command;
      const first = watch(program, args);
      const { url, place } = await started(first);
      expect(place.startsWith(folder)).toBe(false);
      expect(readFileSync(join(dataDir(), "postgres/location"), "utf8").trim()).toBe(place);
      expect(statSync(join(place, "data")).uid).not.toBe(0);
      await expectAnswer(url);
      expect(await first.end("SIGTERM")).toBe(0);
      const second = watch(program, args);
      expect(await started(second)).toMatchObject({ url, place });
      expect(await second.end("SIGTERM")).toBe(0);
    },
  );

  itWhen(isRoot, "needs root")(
    "leaves no server and no data behind of a DATA_DIR that was deleted",
    async () => {
      chmodSync(folder, 0o700);
      const [program, ...args] = command;
      const first = watch(program, args);
      const { place } = await started(first);
      const pid = Number(readFileSync(join(place, "data/postmaster.pid"), "utf8").split("\n")[0]);
      await first.end("SIGKILL");
      rmSync(dataDir(), { recursive: true });
      expect(await isAlive(pid)).toBe(true);
      const second = watch(program, args);
      expect((await started(second)).place).not.toBe(place);
      expect({ server: await isAlive(pid), data: existsSync(place) }).toEqual({ server: false, data: false });
      expect(await second.end("SIGTERM")).toBe(0);
    },
  );

  itWhen(isRoot, "needs root")("keeps the data of a DATA_DIR that was moved", async () => {
    chmodSync(folder, 0o700);
    const [program, ...args] = command;
    const first = watch(program, args);
    const { place, url } = await started(first);
    await first.end("SIGTERM");
    const moved = join(folder, "moved");
    renameSync(dataDir(), moved);
    const second = watch(program, [...args.slice(0, -1), moved]);
    expect(await started(second)).toMatchObject({ place, url });
    const other = watch(program, args); // a new one where the old one was
    expect((await started(other)).place).not.toBe(place);
    expect(await second.end("SIGTERM")).toBe(0);
    expect(await other.end("SIGTERM")).toBe(0);
    await removePostgresData(moved);
  });

  itWhen(!isRoot || canSetpriv, "needs setpriv")(
    "runs as an ordinary user, with the data in DATA_DIR",
    async () => {
      chmodSync(folder, 0o755);
      mkdirSync(dataDir(), { mode: 0o700 });
      if (isRoot) chownSync(dataDir(), NOBODY, NOBODY);
      const drop = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
      const [program = "", ...args] = isRoot ? [...drop, ...command] : command;
      const owner = watch(program, args);
      const { url, place } = await started(owner);
      expect(place).toBe(join(dataDir(), "postgres"));
      await expectAnswer(url);
      expect(await owner.end("SIGTERM")).toBe(0);
    },
  );

  itWhen(canUnshare, "needs root and mount namespaces")(
    "runs on a machine without a user postgres",
    async () => {
      const passwd = join(folder, "passwd");
      const script = `grep -v '^postgres:' /etc/passwd > "${passwd}"; mount --bind "${passwd}" /etc/passwd; exec "$@"`;
      const owner = watch("unshare", ["-m", "sh", "-c", script, "sh", ...command]);
      const { url, place } = await started(owner);
      expect(statSync(join(place, "data")).uid).toBe(NOBODY);
      await expectAnswer(url);
      expect(await owner.end("SIGTERM")).toBe(0);
    },
  );

  itWhen(canUnshare, "needs root and mount namespaces")(
    "does not use a folder that another user made under its name",
    async () => {
      chmodSync(folder, 0o700);
      const made = "/var/tmp/payment-service-embedded";
      const script =
        `mount -t tmpfs -o mode=1777 tmpfs /var/tmp; mount -t tmpfs -o mode=1777,size=400m tmpfs /tmp; ` +
        `mkdir ${made}; chown ${NOBODY} ${made}; exec "$@"`;
      const inside = command.map((part) => part.replace(tmpdir(), "/mnt"));
      const owner = watch("unshare", [
        "-m",
        "sh",
        "-c",
        `mount --bind "${tmpdir()}" /mnt; ${script}`,
        "sh",
        ...inside,
      ]);
      const { url, place } = await started(owner);
      expect(place.startsWith(`${made}/`)).toBe(false);
      await expectAnswer(url);
      expect(await owner.end("SIGTERM")).toBe(0);
    },
  );
});
