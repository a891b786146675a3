import { BadUserInput } from "../../errors.ts";

const UNSTORABLE = /\0|\p{Cs}/u;

/**
 * Refuses text that PostgreSQL cannot hold, wherever it stands in a field's arguments: NUL, and halves of a character
 * without the other. @throws BadUserInput, naming the argument as a path
 */
export function assertStorable(value: unknown, path: readonly string[] = []): void {
  if (typeof value === "string") {
    if (UNSTORABLE.test(value))
      throw new BadUserInput(path.join("."), "This text holds something that is no character.");
  } else if (value !== null && typeof value === "object")
    for (const [name, part] of Object.entries(value))
      assertStorable(part, Array.isArray(value) ? path : [...path, name]);
}
