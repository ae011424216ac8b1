// Makes vendor/ from node_modules: TF.js, LiteRT.js and ONNX Runtime Web as ES modules, and their
// wasm files. A backend is a module of its own, so that a visitor downloads only the one in use.
import { build, transform } from 'esbuild';
import { exec } from 'node:child_process';
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { buildKernels } from './kernels.mjs';

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
  litert: `
    import { loadLiteRt } from '@litertjs/core';
    export { Tensor, getWebGpuDevice, loadAndCompile } from '@litertjs/core';
    /** Start the runtime from the folder of its wasm files. */
    export const start = (folder) => loadLiteRt(folder);`,
  ort: `export { InferenceSession, Tensor, env } from 'onnxruntime-web/wasm';`,
  zip: `export { Unzip, UnzipInflate, Zip, ZipPassThrough, strToU8 } from 'fflate';`,
};
// The plain one is for browsers without SIMD. Threads are left out: they need isolation headers
// and a worker from a blob, which the page's content security policy forbids.
const wasmFiles = ['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm'];
// With relaxed SIMD, and for browsers without it.
const litertFiles = ['litert_wasm_internal', 'litert_wasm_compat_internal'];
const ortFile = 'ort-wasm-simd-threaded';

await rm(vendor, { recursive: true, force: true });
for (const folder of ['', 'litert', 'ort']) await mkdir(join(vendor, folder), { recursive: true });

const virtual = {
  name: 'entries',
  setup(plugins) {
    plugins.onResolve({ filter: /^entry:/ }, ({ path }) => ({ path, namespace: 'entry' }));
    plugins.onLoad({ filter: /.*/, namespace: 'entry' }, ({ path }) => ({
      contents: entries[path.slice('entry:'.length)],
      resolveDir: here,
    }));
    // LiteRT.js runs its glue as a classic script, which a module worker cannot.
    plugins.onResolve({ filter: /^@litertjs\/wasm-utils$/ }, () => ({
      path: 'wasm-utils',
      namespace: 'glue',
    }));
    plugins.onLoad({ filter: /.*/, namespace: 'glue' }, () => ({
      contents: `
        export class WasmModule {}
        export async function createWasmLib(Kind, script) {
          const { default: start } = await import(script);
          return new Kind(await start({ locateFile: (name) => new URL(name, script).href, print() {}, printErr() {} }));
        }`,
    }));
    // LiteRT.js 2.5 knows float32, int32 and uint8; files with other integers are common.
    plugins.onLoad({ filter: /@litertjs\/core\/dist\/index\.js$/ }, async ({ path }) => {
      const code = await readFile(path, 'utf8');
      const last = /elementType: ElementType\.UINT8\s*\}/;
      if (!last.test(code)) throw new Error(`${path}: its table of types is not where it was`);
      const more = { int8: 'Int8Array', int16: 'Int16Array', int64: 'BigInt64Array', bool: 'Uint8Array' };
      const rows = Object.entries(more).map(
        ([dtype, array]) =>
          `{ dtype: '${dtype}', typedArrayConstructor: ${array}, elementType: ElementType.${dtype.toUpperCase()} }`,
      );
      return { contents: code.replace(last, (found) => [found, ...rows].join(', ')) };
    });
  },
};
const { metafile } = await build({
  entryPoints: Object.keys(entries).map((out) => ({ in: `entry:${out}`, out })),
  plugins: [virtual],
  outdir: vendor,
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2020',
  legalComments: 'none', // all of them are in LICENSES.txt
  chunkNames: 'chunk-[hash]',
  metafile: true,
  preserveSymlinks: true, // node_modules may be one
  logLevel: 'warning',
});
const dist = join(here, 'node_modules/@tensorflow/tfjs-backend-wasm/dist');
for (const file of wasmFiles) await copyFile(join(dist, file), join(vendor, file));
const litert = join(here, 'node_modules/@litertjs/core/wasm');
for (const name of litertFiles) {
  await copyFile(join(litert, `${name}.wasm`), join(vendor, 'litert', `${name}.wasm`));
  const glue = await readFile(join(litert, `${name}.js`), 'utf8');
  await asModule(`${glue}\nexport default ModuleFactory;`, join(vendor, 'litert', `${name}.js`));
}
const ort = join(here, 'node_modules/onnxruntime-web/dist');
await copyFile(join(ort, `${ortFile}.wasm`), join(vendor, 'ort', `${ortFile}.wasm`));
await buildKernels(here, join(vendor, 'kernels'));
await bundlePage();
await writeFile(join(vendor, 'sbom.json'), await billOfMaterials());
await writeFile(join(vendor, 'LICENSES.txt'), await licenses(metafile));
for (const folder of ['', 'litert', 'ort', 'page']) await compress(join(vendor, folder));
console.log(`vendor/: ${(await readdir(vendor)).sort().join(' ')}`);

/** src/ as few small modules, for sites; and of which sources, so that stale ones are not taken. */
async function bundlePage() {
  const source = join(here, 'src');
  const common = {
    outdir: join(vendor, 'page'),
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    chunkNames: 'part-[hash]',
    metafile: true,
    logLevel: 'warning',
  };
  const entry = (name) => ({ in: join(source, `${name}.js`), out: name });
  // What a visitor waits for is apart from the rest: each import is a round trip. The worker's
  // runtimes are bundled each by itself where few models need them.
  const inputs = await bundleMain(join(source, 'main.js'), common);
  const few = ['litert', 'onnx', 'loops'];
  const runtimes = {
    name: 'runtimes',
    setup(plugins) {
      plugins.onResolve({ filter: /\/(litert|onnx|loops)\.js$/ }, ({ path, kind }) =>
        kind === 'dynamic-import' ? { path: `./${path.split('/').pop()}`, external: true } : undefined,
      );
    },
  };
  for (const name of few) {
    const entryPoints = [{ in: join(source, `runtimes/${name}.js`), out: name }];
    Object.assign(inputs, (await build({ ...common, entryPoints })).metafile.inputs);
  }
  for (const entries of [['worker'], ['preload'], ['releases'], ['embed', 'harness', 'model', 'i18n']]) {
    const made = await build({ ...common, entryPoints: entries.map(entry), plugins: [runtimes], splitting: entries[0] !== 'worker' });
    Object.assign(inputs, made.metafile.inputs);
  }
  // For the page as one HTML file, which has no address of its own to find other files by.
  const inside = {
    entryPoints: [entry('single')],
    define: { 'import.meta.url': 'globalThis.edgeDeployBase' },
    banner: { js: "globalThis.edgeDeployBase='https://single-file.invalid/src/main.js';" },
  };
  Object.assign(inputs, (await build({ ...common, ...inside })).metafile.inputs);
  const hashes = {};
  for (const input of Object.keys(inputs).filter((name) => !/^taken:|node_modules/.test(name))) {
    const code = await readFile(join(process.cwd(), input));
    const name = relative(here, join(process.cwd(), input)).replaceAll('\\', '/');
    hashes[name] = createHash('sha256').update(code).digest('hex');
  }
  await writeFile(join(vendor, 'page/sources.json'), JSON.stringify(hashes));
}

/**
 * main.js in one piece, and beside it each module that it imports when it is asked for: such a part
 * takes what main.js has already from there, so that nothing is loaded or started twice.
 * @returns {Promise<object>} esbuild's inputs of all
 */
async function bundleMain(entry, common) {
  const parts = new Set();
  const apart = {
    name: 'apart',
    setup(plugins) {
      plugins.onResolve({ filter: /^\./ }, ({ path, kind, resolveDir }) => {
        if (kind !== 'dynamic-import') return null;
        parts.add(join(resolveDir, path));
        return { path: `./${basename(path)}`, external: true };
      });
    },
  };
  const first = await build({ ...common, entryPoints: [entry], plugins: [apart], write: false });
  const own = Object.keys(first.metafile.inputs).map((file) => resolve(file));
  const names = new Map(); // of what a module of main.js exports, by its path
  for (const file of own) {
    const { metafile } = await build({ ...common, bundle: false, entryPoints: [file], write: false });
    names.set(file, Object.values(metafile.outputs)[0].exports);
  }
  const used = new Set();
  const called = (file, name) => `m${own.indexOf(file)}_${name}`;
  const listed = (file, line) => names.get(file).map((name) => line(called(file, name), name)).join(', ');
  const taken = {
    name: 'taken',
    setup(plugins) {
      plugins.onResolve({ filter: /^\./ }, ({ path, kind, namespace, resolveDir }) => {
        if (namespace === 'taken') return { path, external: true };
        const file = join(resolveDir, path);
        if (kind === 'entry-point' || !names.has(file)) return null;
        used.add(file);
        return { path: file, namespace: 'taken', sideEffects: false };
      });
      plugins.onLoad({ filter: /.*/, namespace: 'taken' }, ({ path }) => ({
        contents: `export { ${listed(path, (there, here) => `${there} as ${here}`)} } from './main.js'`,
      }));
    },
  };
  const asked = { ...common, entryPoints: [...parts], plugins: [taken], splitting: true, entryNames: '[name]' };
  const { metafile } = await build(asked);
  const shared = [...used].map(
    (file) => `export { ${listed(file, (there, here) => `${here} as ${there}`)} } from ${JSON.stringify(file)};`,
  );
  const contents = [`import ${JSON.stringify(entry)};`, ...shared].join('\n');
  const stdin = { contents, resolveDir: dirname(entry), sourcefile: 'entry.js' };
  const { outdir, ...rest } = common;
  await build({ ...rest, stdin, plugins: [apart], outfile: join(outdir, 'main.js') });
  return { ...first.metafile.inputs, ...metafile.inputs };
}

/** Beside each file what a server sends of it, so that building a site takes no time over them. */
async function compress(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(folder, entry.name);
    const data = await readFile(file);
    // The last two levels take half a minute for the large runtimes, and win little.
    const quality = data.length > 2e6 ? 9 : constants.BROTLI_MAX_QUALITY;
    const params = { [constants.BROTLI_PARAM_QUALITY]: quality };
    await writeFile(`${file}.br`, await promisify(brotliCompress)(data, { params }));
    await writeFile(`${file}.gz`, await promisify(gzip)(data, { level: 9 }));
  }
}

async function asModule(code, file) {
  const { code: small } = await transform(code, { minify: true, format: 'esm', target: 'es2020' });
  await writeFile(file, small);
}

/** CycloneDX 1.5: what vendor/ was built of, without what would differ from build to build. */
async function billOfMaterials() {
  const command = 'npm sbom --omit=dev --sbom-format cyclonedx';
  const { stdout } = await promisify(exec)(command, { cwd: here, maxBuffer: 1e8 });
  const { serialNumber, metadata, ...bill } = JSON.parse(stdout);
  const { component } = metadata;
  component.name = 'edge-deploy-web-demo'; // npm names it by its folder
  return JSON.stringify({ ...bill, metadata: { component } }, null, 1);
}

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
    if (about.name === 'onnxruntime-web') continue; // its readme has a link; inside-wasm.txt the text
    const names = (await readdir(join(here, folder))).filter((name) => /^licen[cs]e/i.test(name));
    let text = `(${about.license})`;
    if (names.length) text = await readFile(join(here, folder, names[0]), 'utf8');
    else if (/^Apache-2\.0$/i.test(about.license ?? '')) text = apache;
    else text = await inReadme(join(here, folder));
    parts.push(`${about.name} ${about.version} (${about.license})\n\n${text.trim()}\n`);
  }
  // What the wasm files hold was compiled in, and is in no package.
  parts.push(await readFile(join(here, 'inside-wasm.txt'), 'utf8'));
  return parts.join(`\n${'-'.repeat(78)}\n\n`);
}

/** The licence of a package that has it in its readme only. */
async function inReadme(folder) {
  const readme = await readFile(join(folder, 'README.md'), 'utf8').catch(() => '');
  const match = /^#*\s*LICEN[CS]E\b.*\n[-=]*\n([\s\S]*)/im.exec(readme);
  if (!match) throw new Error(`${folder}: no licence text to ship`);
  return match[1];
}
