// Every installed dependency must carry a licence that we may ship beside Apache-2.0: node scripts/licenses.mjs [folder]
// Reads package-lock.json, and the package's own package.json where it is installed.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const allowed = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "Unlicense",
]);

const root = process.argv[2] ?? join(import.meta.dirname, "..");

/** True if one branch of an SPDX expression ("(MIT OR GPL-2.0-only) AND ISC") consists of allowed licences only. */
function isAllowed(expression) {
  const tokens = expression.replace(/[()]/g, " $& ").split(/\s+/).filter(Boolean);
  let at = 0;
  function either() {
    let ok = both();
    while (tokens[at] === "OR") {
      at++;
      ok = both() || ok;
    }
    return ok;
  }
  function both() {
    let ok = one();
    while (tokens[at] === "AND") {
      at++;
      ok = one() && ok;
    }
    return ok;
  }
  function one() {
    if (tokens[at] !== "(") return allowed.has(tokens[at++]);
    at++;
    const ok = either();
    return tokens[at++] === ")" && ok;
  }
  return either() && at === tokens.length;
}

function licenceOf(path, locked) {
  const manifest = join(root, path, "package.json");
  const own = existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")) : {};
  const stated = own.license ?? own.licenses ?? locked.license;
  if (Array.isArray(stated)) return stated.map((entry) => entry.type ?? entry).join(" OR ");
  return typeof stated === "object" ? stated.type : stated;
}

const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
const refused = [];
let count = 0;
for (const [path, locked] of Object.entries(packages)) {
  if (path === "" || locked.link) continue;
  count++;
  const licence = licenceOf(path, locked);
  if (typeof licence !== "string" || !isAllowed(licence)) {
    refused.push(`${path.replace(/^.*node_modules\//, "")}@${locked.version}: ${licence ?? "no licence stated"}`);
  }
}

if (refused.length > 0) {
  process.stderr.write(`licences that are not on the allow-list:\n${refused.map((line) => `  ${line}\n`).join("")}`);
  process.exit(1);
}
process.stdout.write(`licences: ${count} dependencies, all on the allow-list\n`);
