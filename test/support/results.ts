import { readFileSync } from "node:fs";

/** How many tests went which way. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface JestResult {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

/**
 * The counts of Jest's JSON file. A test file that did not load is a failure, and so is a Jest that wrote
 * nothing or ended badly with no test to blame.
 */
export function countResults(file: string, jestSucceeded: boolean): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    const result = JSON.parse(readFileSync(file, "utf8")) as JestResult;
    counts.passed = result.numPassedTests;
    counts.failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
    counts.skipped = result.numPendingTests + result.numTodoTests;
  } catch {
    counts.failed = 1;
  }
  if (!jestSucceeded) counts.failed = Math.max(counts.failed, 1);
  return counts;
}

/** The line that ends a run: `12 passed, 0 failed`, with the skipped ones when there are any. */
export function summary({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
