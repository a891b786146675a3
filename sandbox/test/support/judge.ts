import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** What the judge of Stripe's shapes offers; each check returns a list of faults. */
export interface Judge {
  object(name: string, value: unknown): string[];
  request(method: string, path: string, params: object): string[];
  response(method: string, path: string, status: number, value: unknown): string[];
  event(event: unknown): string[];
}

/** The judge lies beside the repository and is never part of it. */
const FILE = new URL("../../../../shared/stripe/stripe-spec.mjs", import.meta.url);

// The judge looks for ajv from here; Jest resolves only from a file, not from a folder.
process.env.AJV_FROM ??= path.join(process.cwd(), "package.json");

export const SKIPPED =
  "skipped: ../shared/stripe/stripe-spec.mjs, the judge of Stripe's shapes, is not there";

export const judge: Judge | null = existsSync(fileURLToPath(FILE))
  ? ((await import(FILE.href)) as { load(): Judge }).load()
  : null;
