type Jest = typeof import("@jest/globals")["jest"];

/** What `@jest/globals` is to a test: that of the file which is running. */
export const jest = new Proxy({} as Jest, {
  get: (_, name) => Reflect.get((globalThis as unknown as { jest: Jest }).jest, name),
});
