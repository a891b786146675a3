import { AsyncLocalStorage } from "node:async_hooks";
import { isConnectionFailure } from "./outage.ts";

/** What one asks for must not run in the scope (deadline, log) of another who happens to be first. */
const inNobodysScope = AsyncLocalStorage.snapshot();

interface Waiting<Given, Answer> {
  given: Given;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

interface Limits<Given> {
  /** How many go together at most, or how much, where they have sizes. */
  most: number;
  /** One that is larger than all that may go together goes alone. */
  sizeOf?: (given: Given) => number;
  /** Rounds under way at once: what comes meanwhile goes with the next. */
  underWay: number;
  /**
   * How many have to wait before another round begins beside one that is under way; else one is enough. Fewer wait some
   * milliseconds for more: what is under way may hang.
   */
  worthAnother?: number;
}

const PATIENCE_MS = 10;

/**
 * Does together what is asked for at the same time: all that comes in one turn of the event loop, and all that comes
 * while others are under way. One that is alone waits for nobody.
 */
export class Gathering<Given, Answer> {
  private waiting: Waiting<Given, Answer>[] = [];
  private underWay = 0;
  private isDue = false;
  /** Runs while fewer wait than are worth another round. */
  private patience: NodeJS.Timeout | undefined;

  /** @param work answers all of what is given, in its order */
  constructor(
    private readonly work: (all: Given[]) => Promise<readonly Answer[]>,
    private readonly limits: Limits<Given>,
  ) {}

  /** The answer to this one. When a round fails each of it is tried alone, so that none fails for another's sake. */
  ask(given: Given): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ given, resolve, reject });
      if (this.isDue) return;
      this.isDue = true;
      setImmediate(() => {
        this.isDue = false;
        this.go();
      });
    });
  }

  private go(): void {
    while (this.mayBegin()) this.begin();
    if (this.waiting.length > 0 && this.underWay < this.limits.underWay)
      this.patience ??= setTimeout(() => {
        this.begin();
        this.go();
      }, PATIENCE_MS);
  }

  private mayBegin(): boolean {
    const { underWay, worthAnother = 1 } = this.limits;
    return this.underWay < underWay && this.waiting.length >= (this.underWay > 0 ? worthAnother : 1);
  }

  private begin(): void {
    clearTimeout(this.patience);
    this.patience = undefined;
    const round = this.waiting.splice(0, this.fitting());
    this.underWay += 1;
    void inNobodysScope(() => this.answer(round)).finally(() => {
      this.underWay -= 1;
      this.go();
    });
  }

  private fitting(): number {
    const { most, sizeOf } = this.limits;
    if (!sizeOf) return most;
    let size = 0;
    const next = this.waiting.findIndex(({ given }) => {
      size += sizeOf(given);
      return size > most;
    });
    return next < 0 ? this.waiting.length : Math.max(next, 1);
  }

  private async answer(round: Waiting<Given, Answer>[]): Promise<void> {
    try {
      const answers = await this.work(round.map(({ given }) => given));
      for (const [at, { resolve }] of round.entries()) resolve(answers[at] as Answer);
    } catch (error) {
      if (round.length === 1 || isConnectionFailure(error)) for (const { reject } of round) reject(error);
      else for (const one of round) await this.answer([one]);
    }
  }
}
