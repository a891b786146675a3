import { v7 } from "uuid";
import { InvoiceLinks } from "../../src/services/invoice-links.ts";

const NOON = Date.parse("2026-03-10T12:00:00Z");
const SECRET = "of the test";
const id = v7();
/** As the service makes and reads them so many milliseconds after noon. */
const linksAt = (ms: number, ...secrets: string[]) =>
  new InvoiceLinks(secrets.length > 0 ? secrets : [SECRET], "https://pay.example.com", () => NOON + ms);
const tokenOf = (link: string | null) => new URL(String(link)).searchParams.get("token") as string;
const refusal = (work: () => void) => {
  try {
    work();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return null;
};

test("a link leads to one view of one invoice for five minutes", () => {
  const link = linksAt(0).to("page", id);
  expect(link).toMatch(new RegExp(`^https://pay.example.com/invoices/${id}/page\\?token=[\\w.-]+$`));
  const token = tokenOf(link);
  for (const ms of [0, 1, 299_999]) linksAt(ms).assertGood("page", id, token);
  for (const ms of [300_000, 86_400_000])
    expect(refusal(() => linksAt(ms).assertGood("page", id, token))).toBe("LINK_EXPIRED");
  expect(refusal(() => linksAt(0).assertGood("pdf", id, token))).toBe("NOT_FOUND");
  expect(refusal(() => linksAt(0).assertGood("page", v7(), token))).toBe("NOT_FOUND");
});

test("a token that is not ours is none, whatever it says of its end", () => {
  const [end = "", signature = ""] = tokenOf(linksAt(0).to("page", id)).split(".");
  const tampered = `${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
  for (const token of [
    ...[undefined, null, "", 7, ["a", "b"], { a: "b" }, ".", `${end}.`, `.${signature}`, signature],
    ...[`${Number(end) + 1}.${signature}`, `${end}.${tampered}`, `0${end}.${signature}`, `1.${signature}`],
    ...[`${end}.${signature}=`, `${end}.${signature}A`, ` ${end}.${signature}`, `${end}.${"é".repeat(43)}`],
    tokenOf(linksAt(0, "another").to("page", id)),
  ])
    expect([token, refusal(() => linksAt(0).assertGood("page", id, token))]).toEqual([token, "NOT_FOUND"]);
});

test("a link is good under the secret before this one, while that is being rolled", () => {
  const token = tokenOf(linksAt(0).to("page", id));
  linksAt(0, "the new one", SECRET).assertGood("page", id, token);
  linksAt(0, SECRET, "the old one").assertGood("page", id, token);
  expect(refusal(() => linksAt(0, "the new one").assertGood("page", id, token))).toBe("NOT_FOUND");
});

test("where nobody knows how browsers reach the service there are no links", () => {
  expect(new InvoiceLinks([SECRET], undefined).to("page", id)).toBeNull();
});
