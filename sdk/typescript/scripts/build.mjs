// Builds dist: the package for `import` and for `require`, each with its types.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("..", import.meta.url));
const dist = new URL("../dist/", import.meta.url);
await rm(dist, { recursive: true, force: true });
const builds = ["tsconfig.json", "tsconfig.cjs.json"].map((config) =>
  once(
    spawn(process.execPath, ["node_modules/typescript-7/bin/tsc", "-p", config], { cwd: folder, stdio: "inherit" }),
    "exit",
  ),
);
if ((await Promise.all(builds)).some(([code]) => code !== 0)) process.exit(1);
await writeFile(new URL("cjs/package.json", dist), '{"type": "commonjs"}\n');
await copyFile(new URL("../../../LICENSE", import.meta.url), new URL("../LICENSE", import.meta.url));
