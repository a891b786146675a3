import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** What the judge of Stripe's shapes offers; each check returns a list of faults. */
interface Judge {
  object(name: string, value: unknown): string[];
  request(method: string, path: string, params: object): string[];
  response(method: string, path: string, status: number, value: unknown): string[];
  event(event: unknown): string[];
}

const JUDGE = Symbol.for("the judge of Stripe's shapes");

/** The judge lies beside the repository, where commands are run, and is never part of it; so for the build as well. */
const FILE = pathToFileURL(path.resolve("../shared/stripe/stripe-spec.mjs"));

// The judge looks for ajv from here; Jest resolves only from a file, not from a folder.
process.env.AJV_FROM ??= path.join(process.cwd(), "package.json");

export const SKIPPED =
  "skipped: ../shared/stripe/stripe-spec.mjs, the judge of Stripe's shapes, is not there";

// The judge compiles a schema when it first needs it, which takes seconds in all. Jest gives each test file
// modules of its own, except for node's: one of those carries the judge from file to file of a worker.
const carrier = process.getBuiltinModule("node:fs") as { [JUDGE]?: Judge };

async function load(): Promise<Judge> {
  carrier[JUDGE] ??= ((await import(FILE.href)) as { load(): Judge }).load();
  return carrier[JUDGE];
}

export const judge: Judge | null = existsSync(fileURLToPath(FILE)) ? await load() : null;
