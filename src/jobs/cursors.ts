import type { EntityManager } from "@mikro-orm/postgresql";
import { v4 } from "uuid";

const LEASE_SECONDS = 60;
/** However long one step takes, the lease of a process that lives does not run out. */
const BEAT_MS = 20_000;
const KEEP = `lease_until = now() + interval '${LEASE_SECONDS} seconds'`;

/** Somebody else has taken the work over; what was done since the last save is done again. */
export class LeaseLost extends Error {}

/** Work that is one process's to do now: others keep off until it is released, or a minute after the process died. */
export interface Lease<State> {
  readonly state: State;
  /** Notes how far the work has come. @throws LeaseLost */
  save(state: State): Promise<void>;
  /**
   * Ends the lease, which goes on until then whatever is thrown; the work is due again after a pause, or, with null, when
   * somebody asks for it.
   */
  release(state: State, pauseSeconds: number | null): Promise<void>;
}

/** Work that is done from time to time, by one replica at a time, and goes on from where it stopped. */
export class Cursors {
  private isStopping = false;

  constructor(private readonly em: EntityManager) {}

  /** No more than what is begun is done from now on. */
  stop(): void {
    this.isStopping = true;
  }

  /** Begins a part of the work; what it returns says when that is long enough, or the process is to stop. */
  slice(ms: number): () => boolean {
    const until = Date.now() + ms;
    return () => this.isStopping || Date.now() > until;
  }

  /** Adds a cursor that is not there yet; one that is stays as it is. */
  async begin(name: string, state: object, firstRunInSeconds: number): Promise<void> {
    await this.em.fork().execute(
      `insert into cursors (name, state, next_run_at) values (?, ?::jsonb, now() + ? * interval '1 second')
       on conflict (name) do nothing`,
      [name, JSON.stringify(state), firstRunInSeconds],
    );
  }

  /** Those that are due and that nobody works on, for the sweep. */
  async due(): Promise<string[]> {
    const rows = await this.em.fork().execute<{ name: string }[]>(
      `select name from cursors
       where next_run_at <= now() and (lease_until is null or lease_until < now())`,
    );
    return rows.map(({ name }) => name);
  }

  async stateOf<State>(name: string): Promise<State | null> {
    const [row] = await this.em
      .fork()
      .execute<{ state: State }[]>("select state from cursors where name = ?", [name]);
    return row?.state ?? null;
  }

  /** Sets a cursor anew, whatever it said, and whoever works on it loses the lease. */
  async restart(name: string, state: object, runInSeconds: number): Promise<void> {
    await this.em.fork().execute(
      `insert into cursors (name, state, next_run_at) values (?, ?::jsonb, now() + ? * interval '1 second')
       on conflict (name) do update set state = excluded.state, next_run_at = excluded.next_run_at,
         lease_until = null, leased_by = null`,
      [name, JSON.stringify(state), runInSeconds],
    );
  }

  /** The work, when it is due (or wanted now) and nobody else has it; else null. */
  async lease<State>(name: string, isWantedNow = false): Promise<Lease<State> | null> {
    const holder = v4();
    const [row] = await this.em.fork().execute<{ state: State }[]>(
      `update cursors set leased_by = ?, ${KEEP}
       where name = ? and (? or next_run_at <= now()) and (lease_until is null or lease_until < now())
       returning state`,
      [holder, name, isWantedNow],
    );
    if (!row) return null;
    return this.leaseOf(name, holder, row.state);
  }

  /**
   * Does work that keeps no place, when it is due (or wanted now) and nobody else has it. It is due again after a pause,
   * or at once when it says that there is more.
   */
  async turn(
    name: string,
    isWantedNow: boolean,
    seconds: number,
    work: () => Promise<boolean>,
  ): Promise<void> {
    const lease = await this.lease<object>(name, isWantedNow);
    if (!lease) return;
    let pause = seconds;
    try {
      if (await work()) pause = 0;
    } finally {
      await lease.release({}, pause);
    }
  }

  private leaseOf<State>(name: string, holder: string, state: State): Lease<State> {
    const update = async (changes: string, values: unknown[] = []) => {
      const rows = await this.em
        .fork()
        .execute<unknown[]>(`update cursors set ${changes} where name = ? and leased_by = ? returning 1`, [
          ...values,
          name,
          holder,
        ]);
      if (rows.length > 0) return;
      clearInterval(beat);
      throw new LeaseLost(`the lease on ${name} is lost`);
    };
    const beat = setInterval(() => update(KEEP).catch(() => {}), BEAT_MS).unref();
    return {
      state,
      save: (to) => update(`state = ?::jsonb, ${KEEP}`, [JSON.stringify(to)]),
      release(to, pauseSeconds) {
        clearInterval(beat);
        return update(
          `state = ?::jsonb, lease_until = null, leased_by = null,
           next_run_at = coalesce(now() + ? * interval '1 second', 'infinity')`,
          [JSON.stringify(to), pauseSeconds],
        );
      },
    };
  }
}
