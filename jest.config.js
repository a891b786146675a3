export default {
  testMatch: ["<rootDir>/test/**/*.test.ts", "<rootDir>/sandbox/test/**/*.test.ts"],
  // as they were compiled, by Node itself: see test/support/jest-runtime.ts
  runtime: "<rootDir>/dist/test/support/jest-runtime.js",
  testEnvironment: "<rootDir>/dist/test/support/jest-environment.js",
  transform: {},
  testTimeout: 30000,
  // what a file leaves in its worker may not grow without bound
  workerIdleMemoryLimit: "1GB",
  // on a loaded machine a worker that has ended takes longer than Jest's half a second to be gone
  workerGracefulExitTimeout: 10_000,
};
