import { createRequire, registerHooks } from "node:module";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "./root.ts";

const require = createRequire(import.meta.url);
const { default: Runtime } = require("jest-runtime") as typeof import("jest-runtime");

const GLOBALS = new URL("jest-globals.js", import.meta.url).href;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "@jest/globals" ? { url: GLOBALS, shortCircuit: true } : next(specifier, context),
});

let files = 0;

/**
 * Loads a test file as Node does, from what was compiled of it. Jest's own runtime evaluates every package anew for every
 * file, which for one that starts the service takes longer than most tests; here the files that a worker runs share them,
 * and the modules of src, as two requests of one process do. Only the test file itself is each one's own.
 */
export class NativeRuntime extends Runtime {
  override unstable_shouldLoadAsEsm(): boolean {
    return true;
  }

  override async unstable_importModule(path: string): Promise<void> {
    const { jestGlobals } = this as unknown as { jestGlobals: { jestObjectFor(path: string): object } };
    Object.assign(globalThis, { jest: jestGlobals.jestObjectFor(path) });
    // the schema is in the order in which its modules are evaluated: first as whoever writes it down does
    if (!relative(ROOT, path).startsWith("sandbox")) await import("../../src/schema.ts");
    const compiled = join(ROOT, "dist", relative(ROOT, path)).replace(/\.ts$/, ".js");
    await import(`${pathToFileURL(compiled)}?file=${++files}`);
  }

  /** Jest's own: it keeps the tests of a file in its modules. */
  override requireInternalModule<T>(path: string): T {
    delete require.cache[path];
    return require(path) as T;
  }
}

export { NativeRuntime as "module.exports" };
