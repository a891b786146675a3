import DataLoader from "dataloader";

/**
 * What one request reads by keys, in batches. What can be told beforehand is read at once by `foresee`, and is there
 * afterwards without a promise for each.
 */
export class ForeseenLoader<K, V> {
  private readonly foreseen = new Map<string, V | Promise<V>>();
  private readonly loader: DataLoader<K, V, string>;

  /**
   * @param read the values, in the order of the keys
   * @param nameOf two keys are the same when their names are
   */
  constructor(
    private readonly read: (keys: readonly K[]) => Promise<V[]>,
    private readonly nameOf: (key: K) => string,
  ) {
    this.loader = new DataLoader(read, { cacheKeyFn: nameOf });
  }

  load(key: K): V | Promise<V> {
    const known = this.foreseen.size > 0 ? this.foreseen.get(this.nameOf(key)) : undefined;
    return known === undefined ? this.loader.load(key) : known;
  }

  /** Never fails: whoever loads one of these keys meets the failure. */
  async foresee(keys: readonly K[]): Promise<void> {
    let values: readonly (V | Promise<V>)[];
    try {
      values = await this.read(keys);
    } catch (error) {
      const failed = Promise.reject<V>(error);
      failed.catch(() => {}); // there may be nobody who loads it
      values = keys.map(() => failed);
    }
    for (const [at, key] of keys.entries()) this.foreseen.set(this.nameOf(key), values[at] as V);
  }
}
