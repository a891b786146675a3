import { buildSchema } from "graphql";
import { hide, withoutGuesses } from "../../src/schema-secrecy.ts";

const schema = buildSchema("type Query { plans: Int }");
const hidden = buildSchema("type Query { plans: Int }");
hide(hidden);

test.each([
  [
    'Cannot query field "plan" on type "Query". Did you mean "plans"?',
    'Cannot query field "plan" on type "Query".',
  ],
  ['Unknown type "Plam". Did you mean "Plan", "Page", or "Play"?', 'Unknown type "Plam".'],
  [
    'Value "Did you mean it? Did you mean a word?" is no number.',
    'Value "Did you mean it? Did you mean a word?" is no number.',
  ],
  ["Is it open?", "Is it open?"],
])("of %j is told %j where the schema is hidden, and all of it where it is not", (message, told) => {
  expect(withoutGuesses(hidden, message)).toBe(told);
  expect(withoutGuesses(schema, message)).toBe(message);
});

test("a client's own words are no guess, however many, and are looked through once", () => {
  const words = "Did you mean ".repeat(20_000);
  const message = `Variable "$first" got invalid value "${words}"; Int cannot represent it: ${words}`;
  expect(withoutGuesses(hidden, message)).toBe(message);
  expect(withoutGuesses(hidden, `${message} Did you mean "5"?`)).toBe(message);
});
