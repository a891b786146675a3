import { execFile, spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Whom PostgreSQL runs as when this process is root, as whom it refuses to run. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

// Every Linux and Mac has `nobody`: no user needs to be added to the machine.
const CANDIDATES = ["postgres", "nobody"];

/**
 * The account to run PostgreSQL as, undefined for "as myself". Whoever owns an existing `cluster` stays
 * its account.
 * @throws Error when root has no account to give it to.
 */
export async function databaseAccount(cluster: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(cluster).catch(() => undefined);
  if (owner && owner.uid !== 0) return { name: `${owner.uid}`, uid: owner.uid, gid: owner.gid };
  for (const name of CANDIDATES) {
    const account = await lookUp(name);
    if (account) return account;
  }
  throw new Error(
    `PostgreSQL does not run as root, and this machine has no user ${CANDIDATES.join(" or ")}: ` +
      "run this as an ordinary user, or set DATABASE_URL.",
  );
}

async function lookUp(name: string): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
    return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}

/** Whether the account can go into `folder`, through all of its parents. Tried, since modes are not all there is. */
export function canEnter(folder: string, account: Account): Promise<boolean> {
  return succeeds("/bin/sh", ["-c", 'cd "$1"', "sh", folder], account);
}

/** Whether the account can run `program`. */
export function canRun(program: string, account: Account): Promise<boolean> {
  return succeeds(program, ["--version"], account);
}

function succeeds(command: string, args: string[], { uid, gid }: Account): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { uid, gid, cwd: "/", stdio: "ignore" });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}
