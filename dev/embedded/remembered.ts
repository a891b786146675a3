import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, readFile, rename, unlink, writeFile } from "node:fs/promises";

/** The text of a small file, trimmed; undefined when there is none. */
export async function recall(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes a small file that only its owner may read; whoever reads it sees all of it or the one before. */
export async function remember(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(4).toString("hex")}`;
  await writeFile(draft, `${text}\n`, { mode: 0o600 });
  await rename(draft, path);
}

/** What the file holds, or else what `make` gives, kept there from now on. Of two at a time both get the first one's. */
export async function recallOr(path: string, make: () => string): Promise<string> {
  const known = await recall(path);
  if (known) return known;
  const draft = `${path}.${randomBytes(4).toString("hex")}`;
  await writeFile(draft, `${make()}\n`, { mode: 0o600 });
  try {
    await link(draft, path); // fails where a file is, unlike rename
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await unlink(draft);
  }
  return (await recall(path)) as string;
}

/** A random secret of 192 bits that fits in a URL and a command line. */
export const randomSecret = () => randomBytes(24).toString("base64url");

/** Makes a folder that only its owner may enter. One that is there already keeps its mode. */
export async function privateFolder(path: string, mode = 0o700): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode });
  if (made) await chmod(path, mode); // whatever the umask
}
