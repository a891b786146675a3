import { ModernFakeTimers } from "@jest/fake-timers";
import { ModuleMocker } from "jest-mock";

type Environment = import("@jest/environment").JestEnvironment;
type Config = import("@jest/environment").JestEnvironmentConfig;

/** What Jest leaves for a file under these names would be there for the next one. */
const LEFT = ["TEST_TIMEOUT_SYMBOL", "EVENT_HANDLERS", "RETRY_TIMES"].map((name) => Symbol.for(name));

/** The process itself: what one test file changed in it is put back before the next one. */
export default class SameProcess {
  readonly global = globalThis as unknown as Environment["global"];
  readonly moduleMocker = new ModuleMocker(globalThis);
  readonly fakeTimers = null;
  readonly fakeTimersModern: ModernFakeTimers;
  private readonly before = { console: globalThis.console, env: { ...process.env }, exit: process.exit };

  constructor({ projectConfig }: Config) {
    this.fakeTimersModern = new ModernFakeTimers({ config: projectConfig, global: globalThis });
  }

  async setup(): Promise<void> {}

  async teardown(): Promise<void> {
    this.fakeTimersModern.dispose();
    const { console, env, exit } = this.before;
    globalThis.console = console;
    process.exit = exit;
    for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
    Object.assign(process.env, env);
    for (const name of LEFT) Reflect.deleteProperty(globalThis, name);
  }

  exportConditions(): string[] {
    return ["node", "node-addons"];
  }

  /** There is none: modules are loaded by Node itself. */
  getVmContext(): null {
    return null;
  }
}
