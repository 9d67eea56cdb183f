// Writes src/generated.ts: the types of the gateway's OpenAPI document, or to the file that is given.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const DOCUMENT = new URL("../../../tests/contracts/openapi-v1.json", import.meta.url);
// The APIs of OpenAI and Anthropic have SDKs of their own.
const OTHERS = /^\/v1\/(batches|chat|embeddings|files|messages|responses)(\/|$)/;

const { paths, components, ...rest } = JSON.parse(await readFile(DOCUMENT, "utf8"));
const used = Object.fromEntries(Object.entries(paths).filter(([path]) => !OTHERS.test(path)));
for (const operation of Object.values(used).flatMap(Object.values)) {
  // All refusals are of the type Problem.
  operation.responses = Object.fromEntries(Object.entries(operation.responses).filter(([status]) => status < "300"));
}
const schemas = { Problem: components.schemas.Problem };
const gather = (part) => {
  for (const [, name] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    if (!(name in schemas)) gather((schemas[name] = components.schemas[name]));
  }
};
gather([used, schemas]);

const tree = await openapiTS(
  { ...rest, paths: used, components: { schemas } },
  { alphabetize: true, defaultNonNullable: false, rootTypes: true, rootTypesNoSchemaPrefix: true },
);
const header = "// Made by `npm run generate` of the gateway's OpenAPI document; not to be edited.\n\n";
await writeFile(process.argv[2] ?? new URL("../src/generated.ts", import.meta.url), header + astToString(tree));
