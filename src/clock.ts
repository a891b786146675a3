import type { Logger } from "./logger.ts";

/** Where the service's idea of *now* comes from; business time only, never token expiry or webhook tolerance. */
export interface Clock {
  now(): Date;
  /** Calls back whenever time has jumped, until the answer is called; a clock that only flows has none. */
  onJump?(callBack: () => void): () => void;
  /** Ends whatever keeps the clock in step. */
  stop(): void;
}

export const systemClock: Clock = { now: () => new Date(), stop: () => {} };

const RETRY_MS = 250;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Calls back once, when the clock has come to a moment, however it gets there. Returns what calls it off. */
export function atMoment(clock: Clock, moment: Date, callBack: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let ignoreJumps: (() => void) | undefined;
  const callOff = () => {
    clearTimeout(timer);
    ignoreJumps?.();
  };
  const look = () => {
    clearTimeout(timer);
    const left = moment.getTime() - clock.now().getTime();
    if (left > 0) timer = setTimeout(look, Math.min(left, LONGEST_TIMER_MS));
    else {
      callOff();
      callBack();
    }
  };
  ignoreJumps = clock.onJump?.(look);
  look();
  return callOff;
}

/**
 * Follows the sandbox's time: real time plus the sandbox's offset, which a long poll of
 * `GET /sandbox/time` tells the moment it changes. For development and tests only.
 */
export async function sandboxClock(apiBase: string, logger: Logger): Promise<Clock> {
  const stopping = new AbortController();
  const jumps = new Set<() => void>();
  let offsetSeconds = await readOffset(`${apiBase}/sandbox/time`, stopping.signal);
  const follow = async () => {
    while (!stopping.signal.aborted) {
      try {
        offsetSeconds = await readOffset(
          `${apiBase}/sandbox/time?changed_from=${offsetSeconds}`,
          stopping.signal,
        );
        for (const callBack of [...jumps]) callBack();
      } catch (error) {
        if (stopping.signal.aborted) return;
        logger.debug({ err: error }, "the sandbox's time cannot be read; keeping the last offset");
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  };
  void follow();
  return {
    now: () => new Date(Date.now() + offsetSeconds * 1000),
    onJump(callBack) {
      jumps.add(callBack);
      return () => jumps.delete(callBack);
    },
    stop: () => stopping.abort(),
  };
}

async function readOffset(url: string, signal: AbortSignal): Promise<number> {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return ((await answer.json()) as { offsetSeconds: number }).offsetSeconds;
}
