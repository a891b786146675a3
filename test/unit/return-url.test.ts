import { loadConfig } from "../../src/config.ts";
import { isReturnUrl } from "../../src/return-url.ts";
import { DEVELOPMENT, PRODUCTION } from "../support/environment.ts";

const ORIGINS = { CORS_ORIGIN: "https://learn.example.com" };
const production = loadConfig({ ...PRODUCTION, ...ORIGINS });
const development = loadConfig({ ...DEVELOPMENT, ...ORIGINS });

test.each([
  "https://learn.example.com",
  "https://learn.example.com/welcome?session={CHECKOUT_SESSION_ID}#top",
  "https://learn.example.com:443/",
  "https://LEARN.example.com/",
])("a return URL may be %s", (url) => {
  expect([isReturnUrl(production, url), isReturnUrl(development, url)]).toEqual([true, true]);
});

test.each([
  "https://user@learn.example.com/",
  "https://:password@learn.example.com/",
  "https://learn.example.com@evil.example/",
  "https://learn.example.com.evil.example/",
  "https://evil.example/?https://learn.example.com",
  "https://learn.example.com:8443/",
  "http://learn.example.com/",
  "https://sub.learn.example.com/",
  "//learn.example.com/",
  "/welcome",
  "javascript:alert(1)//https://learn.example.com",
  "data:text/html,hello",
  "https://learn.example.com\\@evil.example/",
  "https://learn.example.com\t.evil.example/",
  " https://learn.example.com/",
  "https://learn.example.com/\u0000",
  "https://learn.example.com/\nSet-Cookie: a=b",
  "",
])("a return URL may not be %j, anywhere", (url) => {
  expect([isReturnUrl(production, url), isReturnUrl(development, url)]).toEqual([false, false]);
});

test.each([
  "http://localhost:3000/done",
  "http://127.0.0.1:8080/",
  "https://localhost/",
  "http://[::1]:3000/",
])("a return URL may be %s in development only", (url) => {
  expect([isReturnUrl(production, url), isReturnUrl(development, url)]).toEqual([false, true]);
});

test.each(["http://localhost.evil.example/", "http://user@localhost/", "ftp://localhost/"])(
  "a return URL may not be %s, even in development",
  (url) => {
    expect(isReturnUrl(development, url)).toBe(false);
  },
);

test("return URLs go to the origins of CORS_ORIGIN unless they have a list of their own", () => {
  expect(loadConfig({ ...PRODUCTION, CORS_ORIGIN: "https://a.example" }).returnUrlOrigins).toEqual([
    "https://a.example",
  ]);
  const both = { CORS_ORIGIN: "https://a.example", RETURN_URL_ORIGINS: "https://b.example" };
  expect(loadConfig({ ...PRODUCTION, ...both }).returnUrlOrigins).toEqual(["https://b.example"]);
});
