// Makes vendor/ from node_modules: TF.js as ES modules, one per backend, and its wasm files.
//
// A backend is a module of its own, so that a visitor downloads only the one in use.
import { build } from 'esbuild';
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const vendor = join(here, 'vendor');
const entries = {
  // Kernels work through the engine; the chained methods (x.add(y)) are what some of them call.
  tfjs: `
    import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
    export { env, getBackend, setBackend, ready, tensor, dispose, memory, engine, tidy }
      from '@tensorflow/tfjs-core';
    export { GraphModel } from '@tensorflow/tfjs-converter';`,
  'tfjs-webgl': `import '@tensorflow/tfjs-backend-webgl';`,
  'tfjs-wasm': `export { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';`,
  'tfjs-webgpu': `import '@tensorflow/tfjs-backend-webgpu';`,
  'tfjs-cpu': `import '@tensorflow/tfjs-backend-cpu';`,
};
// The plain one is for browsers without SIMD. Threads are left out: they need isolation headers
// and a worker from a blob, which the page's content security policy forbids.
const wasmFiles = ['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm'];

await rm(vendor, { recursive: true, force: true });
await mkdir(vendor, { recursive: true });

const virtual = {
  name: 'entries',
  setup(plugins) {
    plugins.onResolve({ filter: /^entry:/ }, ({ path }) => ({ path, namespace: 'entry' }));
    plugins.onLoad({ filter: /.*/, namespace: 'entry' }, ({ path }) => ({
      contents: entries[path.slice('entry:'.length)],
      resolveDir: here,
    }));
  },
};
const { metafile } = await build({
  entryPoints: Object.keys(entries).map((out) => ({ in: `entry:${out}`, out })),
  plugins: [virtual],
  outdir: vendor,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2020',
  legalComments: 'none', // all of them are in LICENSES.txt
  chunkNames: 'chunk-[hash]',
  metafile: true,
  logLevel: 'warning',
});
const dist = join(here, 'node_modules/@tensorflow/tfjs-backend-wasm/dist');
for (const file of wasmFiles) await copyFile(join(dist, file), join(vendor, file));
await writeFile(join(vendor, 'LICENSES.txt'), await licenses(metafile));
console.log(`vendor/: ${(await readdir(vendor)).sort().join(' ')}`);

/** The licence of every package whose code is in the bundle. */
async function licenses({ inputs }) {
  const packages = new Set();
  for (const input of Object.keys(inputs)) {
    const match = /^(node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match) packages.add(match[1]);
  }
  const apache = await readFile(join(here, 'apache-2.0.txt'), 'utf8');
  const parts = [];
  for (const folder of [...packages].sort()) {
    const about = JSON.parse(await readFile(join(here, folder, 'package.json'), 'utf8'));
    const names = (await readdir(join(here, folder))).filter((name) => /^licen[cs]e/i.test(name));
    let text = `(${about.license})`;
    if (names.length) text = await readFile(join(here, folder, names[0]), 'utf8');
    else if (/^Apache-2\.0$/i.test(about.license ?? '')) text = apache;
    else text = await inReadme(join(here, folder));
    parts.push(`${about.name} ${about.version} (${about.license})\n\n${text.trim()}\n`);
  }
  return parts.join(`\n${'-'.repeat(78)}\n\n`);
}

/** The licence of a package that has it in its readme only. */
async function inReadme(folder) {
  const readme = await readFile(join(folder, 'README.md'), 'utf8').catch(() => '');
  const match = /^#*\s*LICEN[CS]E\b.*\n[-=]*\n([\s\S]*)/im.exec(readme);
  if (!match) throw new Error(`${folder}: no licence text to ship`);
  return match[1];
}
