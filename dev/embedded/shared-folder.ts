import { chmod, lstat, mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOTS = ["/var/tmp", tmpdir()];
const NAME = "payment-service-embedded";

/**
 * A folder of ours that other accounts may pass through, outside the checkout. Anybody can make folders in
 * /var/tmp, so one under our name counts only when it is a real folder, ours, and nobody else can write
 * to it; else a new one with a name that could not be foreseen is made.
 */
export async function sharedFolder(): Promise<string> {
  for (const root of ROOTS) {
    const path = join(root, NAME);
    try {
      await mkdir(path, { mode: 0o711 });
      await chmod(path, 0o711);
      return path;
    } catch {
      if (await isOurs(path)) return path;
    }
  }
  return await passable(await mkdtemp(join(ROOTS[0] as string, `${NAME}-`)));
}

/** Whether `path` is a real folder that belongs to this user and that nobody else can write to. */
export async function isOurs(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
}

/** Lets other accounts through `path`, but not list it. */
export async function passable(path: string): Promise<string> {
  await chmod(path, 0o711);
  return path;
}
