import DataLoader from "dataloader";

/** How the keys of a loader are told apart. */
interface Keys<K> {
  /** Two keys are the same when their names are. */
  nameOf(key: K): string;
  /** What keys that are alike in all else differ in. */
  idOf(key: K): string;
  isAlike(one: K, other: K): boolean;
}

interface Foreseen<K, V> {
  first: K;
  values: ReadonlyMap<string, V | Promise<V>>;
}

/**
 * What one request reads by keys, in batches. What can be told beforehand is read at once by `foresee`, and is there
 * afterwards without a promise, or a name, for each.
 */
export class ForeseenLoader<K, V> {
  private readonly foreseen: Foreseen<K, V>[] = [];
  private readonly loader: DataLoader<K, V, string>;

  /** @param read the values, in the order of the keys */
  constructor(
    private readonly read: (keys: readonly K[]) => Promise<V[]>,
    private readonly keys: Keys<K>,
  ) {
    this.loader = new DataLoader(read, { cacheKeyFn: (key) => keys.nameOf(key) });
  }

  load(key: K): V | Promise<V> {
    for (const { first, values } of this.foreseen) {
      if (!this.keys.isAlike(first, key)) continue;
      const known = values.get(this.keys.idOf(key));
      if (known !== undefined) return known;
    }
    return this.loader.load(key);
  }

  /** Of keys that are alike. Never fails: whoever loads one of them meets the failure. */
  async foresee(keys: readonly [K, ...K[]]): Promise<void> {
    let values: readonly (V | Promise<V>)[];
    try {
      values = await this.read(keys);
    } catch (error) {
      const failed = Promise.reject<V>(error);
      failed.catch(() => {}); // there may be nobody who loads it
      values = keys.map(() => failed);
    }
    const byId = new Map<string, V | Promise<V>>();
    for (let at = 0; at < keys.length; at++)
      byId.set(this.keys.idOf(keys[at] as K), values[at] as V | Promise<V>);
    this.foreseen.push({ first: keys[0], values: byId });
  }
}
