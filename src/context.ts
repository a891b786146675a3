import type { IncomingMessage } from "node:http";
import type { Caller } from "./auth/caller.ts";
import type { Loaders } from "./loaders.ts";
import type { LiveService } from "./services/live.service.ts";

/** What every resolver is given: who asks, and loaders that batch what one request or live event reads. */
export interface Context {
  readonly caller: Caller;
  readonly loaders: Loaders;
  readonly live: LiveService;
  /** Under which name calls are counted; undefined when they are not. */
  readonly countedAs: string | undefined;
  /** What the operation asks for; undefined when nobody has looked. */
  readonly asks: Asks | undefined;
  /** Whether the caller may see what the schema is made of where that is hidden. */
  readonly seesSchema: boolean;
  /** Forgets what was loaded: each live event reads the world as it is then. */
  renew(): void;
}

/** Fields of an operation, as `Type.field`. */
export interface Asks {
  /** All of them, whether or not the variables leave some out. */
  readonly anywhere: ReadonlySet<string>;
  /** Those asked of each entity of `_entities` whatever the variables are. */
  readonly ofEntities: ReadonlySet<string>;
}

/** What is known of a request before its operation is run. */
export type Asking = Pick<Context, "caller" | "countedAs" | "asks" | "seesSchema">;

/** Makes the context of a request. Whose address counts where nobody is signed in is the request's to say. */
export type NewContext = (caller: Caller, request: IncomingMessage, asks?: Asks) => Context;

/** A class: of a literal with a getter V8 makes each object a layout of its own, which keeps all that hangs on it (docs/decisions/0019). */
class RequestContext implements Context {
  readonly caller: Caller;
  readonly countedAs: string | undefined;
  readonly asks: Asks | undefined;
  readonly seesSchema: boolean;
  loaders: Loaders;

  constructor(
    { caller, countedAs, asks, seesSchema }: Asking,
    readonly live: LiveService,
    private readonly newLoaders: () => Loaders,
  ) {
    this.caller = caller;
    this.countedAs = countedAs;
    this.asks = asks;
    this.seesSchema = seesSchema;
    this.loaders = newLoaders();
  }

  renew(): void {
    this.loaders = this.newLoaders();
  }
}

export const createContext = (asking: Asking, live: LiveService, newLoaders: () => Loaders): Context =>
  new RequestContext(asking, live, newLoaders);
