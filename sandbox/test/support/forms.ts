/** A page as a browser without scripts has it. */
interface Shown {
  url: string;
  status: number;
  headers: Headers;
  text: string;
}

/** What a browser sends when a form's button is pressed. */
interface Form {
  method: string;
  action: string;
  fields: Record<string, string>;
}

const attribute = (tag: string, name: string) =>
  new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1]?.replaceAll("&amp;", "&");

/** Opens a page; a redirect is followed within the sandbox, and answered with its address outside. */
export async function open(url: string, init: RequestInit = {}): Promise<Shown> {
  const response = await fetch(url, { ...init, redirect: "manual" });
  const location = response.headers.get("location");
  if (location === null)
    return { url, status: response.status, headers: response.headers, text: await response.text() };
  const target = new URL(location, url);
  if (target.origin !== new URL(url).origin)
    return { url: target.href, status: response.status, headers: response.headers, text: "" };
  return open(target.href);
}

/** The form that holds the element of this id, with what its fields hold already. */
function formAround(text: string, id: string): Form {
  const forms = text.match(/<form\b[\s\S]*?<\/form>/g) ?? [];
  const form = forms.find((each) => each.includes(`id="${id}"`) || each.includes(`aria-label="${id}"`));
  if (!form) throw new Error(`There is no form with ${id} on the page.`);
  const open = /<form\b[^>]*>/.exec(form)![0];
  const fields: Record<string, string> = {};
  for (const [tag] of form.matchAll(/<input\b[^>]*>/g)) {
    const isChosen = attribute(tag, "type") !== "radio" || tag.includes(" checked");
    const name = attribute(tag, "name");
    if (name && isChosen) fields[name] = attribute(tag, "value") ?? "";
  }
  for (const [tag] of form.matchAll(/<button\b[^>]*>/g)) {
    const name = attribute(tag, "name");
    if (name && tag.includes(`id="${id}"`)) fields[name] = attribute(tag, "value") ?? "";
  }
  return { method: attribute(open, "method") ?? "get", action: attribute(open, "action") ?? "", fields };
}

/** Fills the form around `id` (of its button, or of any field) in, and sends it. */
export function submit(page: Shown, id: string, typed: Record<string, string> = {}): Promise<Shown> {
  const { method, action, fields } = formAround(page.text, id);
  const body = new URLSearchParams({ ...fields, ...typed });
  const target = new URL(action, page.url);
  if (method === "get") return open(`${target.href}?${body}`);
  return open(target.href, { method: "POST", body, headers: { origin: target.origin } });
}

/** A card as people type it. */
export const card = (number: string, more: Record<string, string> = {}) => ({
  number,
  exp: "12 / 34",
  cvc: "123",
  name: "Ada",
  ...more,
});

/** The text of the element of this id. */
export const textOf = (page: Shown, id: string): string | undefined =>
  new RegExp(`<(\\w+)\\b[^>]*\\bid="${id}"[^>]*>([\\s\\S]*?)</\\1>`)
    .exec(page.text)?.[2]
    ?.replace(/<[^>]+>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
