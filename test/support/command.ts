import { join } from "node:path";
import { runToEnd } from "./processes.ts";
import { DIST } from "./root.ts";
import type { TestService } from "./service.ts";

/** Runs a command of operators to its end, as `npm run` does, against the parts of a service; needs a build. */
export function runCommand(service: Pick<TestService, "env">, name: string, ...args: string[]) {
  return runToEnd(process.execPath, [join(DIST, "scripts", `${name}.js`), ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...service.env, LOG_LEVEL: "warn" },
  });
}
