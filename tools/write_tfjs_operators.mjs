// Writes edge_deploy/formats/tfjs/operators.json: the graph operators that TF.js has, the attributes
// that it reads of each, and the backends that lack a kernel for it. Read from the packages in
// web_demo/node_modules, so run it after a change of their version: node tools/write_tfjs_operators.mjs
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kernelFiles, operationFiles, partsOfOperators } from '../web_demo/kernels.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'web_demo/node_modules/@tensorflow');
const BACKENDS = ['webgl', 'wasm', 'cpu'];
const ELSEWHERE = ['tfdf']; // a package of its own, which no page of ours has
const COMPLEX = ['Complex', 'ComplexAbs', 'Real', 'Imag']; // which others call for complex values only

const read = async (...path) =>
  (await readFile(join(modules, ...path), 'utf8')).replace(/\/\/# sourceMappingURL=.*/, '');
const { version } = JSON.parse(await read('tfjs-converter/package.json'));
const lists = join(modules, 'tfjs-converter/dist/operations/op_list');
const kernels = {};
for (const backend of BACKENDS) {
  kernels[backend] = await kernelFiles(join(modules, `tfjs-backend-${backend}/dist/kernels`));
}
const families = (await readdir(lists))
  .map((file) => /^(\w+)\.js$/.exec(file)?.[1])
  .filter((family) => family && !ELSEWHERE.includes(family));
const parts = await partsOfOperators(read, await operationFiles(read), kernels, families);
const operators = {};
for (const family of families) {
  const code = await read('tfjs-converter/dist/operations/op_list', `${family}.js`);
  const { json } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  for (const { tfOpName: op, attrs = [] } of json) {
    const attributes = attrs.filter((one) => !one.notSupported).flatMap((one) => [one.tfName, one.tfDeprecatedName]);
    const needed = (parts.operators[op]?.kernels ?? []).filter((name) => name === op || !COMPLEX.includes(name));
    const lacking = BACKENDS.filter((backend) => needed.some((name) => !(name in kernels[backend])));
    operators[op] = { attributes: [...new Set(attributes.filter(Boolean))].sort(), lacking };
  }
}
const sorted = Object.entries(operators).sort(([a], [b]) => (a < b ? -1 : 1));
const head = { source: `@tensorflow/tfjs-converter ${version}`, date: new Date().toISOString().slice(0, 10) };
const lines = sorted.map(([op, entry]) => `    ${JSON.stringify(op)}: ${JSON.stringify(entry)}`);
await writeFile(
  join(root, 'edge_deploy/formats/tfjs/operators.json'),
  `{\n  "source": "${head.source}",\n  "date": "${head.date}",\n  "operators": {\n${lines.join(',\n')}\n  }\n}\n`,
);
