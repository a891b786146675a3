import type { Caller } from "./auth/caller.ts";
import type { Loaders } from "./loaders.ts";
import type { LiveService } from "./services/live.service.ts";

/** What every resolver is given: who asks, and loaders that batch what one request or live event reads. */
export interface Context {
  readonly caller: Caller;
  readonly loaders: Loaders;
  readonly live: LiveService;
  /** The names of all fields that the operation asks for, anywhere in it; undefined when nobody has looked. */
  readonly asks: ReadonlySet<string> | undefined;
  /** Forgets what was loaded: each live event reads the world as it is then. */
  renew(): void;
}

export function createContext(
  caller: Caller,
  live: LiveService,
  newLoaders: () => Loaders,
  asks?: ReadonlySet<string>,
): Context {
  let loaders = newLoaders();
  return {
    caller,
    live,
    asks,
    get loaders() {
      return loaders;
    },
    renew: () => {
      loaders = newLoaders();
    },
  };
}
