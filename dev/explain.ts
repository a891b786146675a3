import { ConfigError } from "../src/config.ts";
import { FolderInUse } from "./embedded/lock.ts";
import { PortTaken } from "./embedded/ports.ts";
import { StartFailed } from "./embedded/postmaster.ts";

const PLAIN = [ConfigError, PortTaken, FolderInUse, StartFailed];

/** A fault that a person can mend needs its sentence, not our stack. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return PLAIN.some((known) => error instanceof known) ? error.message : (error.stack ?? error.message);
}
