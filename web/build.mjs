// Builds what the wheel ships: `npm ci && npm run build`. The same input gives the same bytes; a slow test compares them.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";

const out = "../src/regard/console/static";
const lock = JSON.parse(await readFile("package-lock.json", "utf8")).packages;
const common = { minify: true, target: "es2022", charset: "utf8", legalComments: "none", logLevel: "warning" };

await mkdir(out, { recursive: true });
await build({ ...common, entryPoints: ["console/src/main.ts"], bundle: true, format: "iife", outfile: `${out}/console.js` });
await build({ ...common, target: "esnext", entryPoints: ["console/style/console.css"], bundle: true, outfile: `${out}/console.css` });
await copyFile("node_modules/htmx.org/dist/htmx.min.js", `${out}/htmx.min.js`);
await copyFile("node_modules/htmx.org/LICENSE", `${out}/htmx.LICENSE`);

// What came from somebody else, under which licence, and the digest that npm checked.
const vendored = ["htmx.org"].map((name) => {
  const { version, license, integrity } = lock[`node_modules/${name}`];
  return { name, version, license, integrity, file: "htmx.min.js" };
});
await writeFile(`${out}/vendored.json`, `${JSON.stringify(vendored, null, 2)}\n`);
