import { readFileSync } from "node:fs";
import { packagesOf, registriesOf, unexpected } from "../../scripts/dependencies.ts";

const LOCKFILES = [
  "package-lock.json",
  "test/supergraph/tools/package-lock.json",
  "bench/peers/package-lock.json",
];

test.each(LOCKFILES)("%s names one registry at most", (file) => {
  expect(registriesOf(packagesOf(readFileSync(file, "utf8"))).length).toBeLessThanOrEqual(1);
});

test("every package has a licence that asks for no more than to be named", () => {
  const packages = packagesOf(readFileSync("package-lock.json", "utf8"));
  expect(packages.length).toBeGreaterThan(500);
  expect(unexpected(packages)).toEqual([]);
});

test("another licence, or none, is found; of a choice one is enough", () => {
  const lock = (license?: string) => JSON.stringify({ packages: { "": {}, x: { license } } });
  for (const license of ["GPL-3.0", "MIT AND GPL-3.0", undefined])
    expect([license, unexpected(packagesOf(lock(license)))]).toEqual([license, ["x"]]);
  for (const license of ["MIT", "(MIT OR GPL-3.0)", "Apache-2.0 AND MIT"])
    expect([license, unexpected(packagesOf(lock(license)))]).toEqual([license, []]);
});

test("a package from elsewhere is found", () => {
  const lock = {
    packages: {
      "": {},
      x: { resolved: "https://one.example/x.tgz" },
      y: { resolved: "https://two.example/y.tgz" },
    },
  };
  expect(registriesOf(packagesOf(JSON.stringify(lock)))).toEqual(["one.example", "two.example"]);
});
