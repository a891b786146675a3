import { join } from "node:path";

/** The repository. Tests run as they were compiled, in `dist`. */
export const ROOT = join(import.meta.dirname, "../../..");
/** What was compiled of it. */
export const DIST = join(ROOT, "dist");
