// Makes vendor/kernels/: TF.js taken apart, so that `edge-deploy demo` can put together, without
// Node, only what the models of a site need.
//
// One ES module for each kernel of a backend, each operation and each family of graph operators;
// what they share becomes chunks. parts.json says which graph operator needs which of them.
import { build } from 'esbuild';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const CORE = `
  export { env, getBackend, setBackend, ready, tensor, dispose, memory, engine, tidy }
    from '@tensorflow/tfjs-core';
  export { GraphModel } from '@tensorflow/tfjs-converter';`;
const BASES = {
  webgl: `import '@tensorflow/tfjs-backend-webgl/dist/base';`,
  wasm: `export { setWasmPaths } from '@tensorflow/tfjs-backend-wasm/dist/base';`,
};
const FAMILIES = /operations\/executors\/(\w+)_executor\.js$/;
const BACKWARDS = /Backprop|Grad$/; // of training, which a page does not do
// Loaded by TF.js whatever it runs: training, where it keeps and fetches models by itself (the page
// hands them over), and 64-bit hashes, which one operator has.
const UNUSED =
  /tfjs-core\/dist\/(optimizers\/(register_optimizers|optimizer_constructors)|io\/(indexed_db|local_storage|http|browser_files|model_management)|hash_util)\.js$/;
// Of wasm with threads, which the page's content security policy does not let start.
const THREADS = /wasm-out\/tfjs-backend-wasm-threaded-simd(\.worker)?\.js$/;
const HASHES = 'StringToHashBucketFast';

/** @param {string} here web_demo/  @param {string} out the folder to fill */
export async function buildKernels(here, out) {
  const modules = join(here, 'node_modules/@tensorflow');
  const read = async (...path) =>
    (await readFile(join(modules, ...path), 'utf8')).replace(/\/\/# sourceMappingURL=.*/, '');

  const operations = await operationFiles(read);
  const entries = { core: CORE };
  for (const [backend, code] of Object.entries(BASES)) entries[`${backend}/base`] = code;
  const kernels = {};
  for (const backend of Object.keys(BASES)) {
    kernels[backend] = await kernelFiles(join(modules, `tfjs-backend-${backend}/dist/kernels`));
    for (const [name, { config, file }] of Object.entries(kernels[backend])) {
      entries[`${backend}/${name}`] = `
        import { registerKernel } from '@tensorflow/tfjs-core';
        import { ${config} } from '@tensorflow/tfjs-backend-${backend}/dist/kernels/${file}';
        registerKernel(${config});`;
    }
  }
  for (const [name, file] of Object.entries(operations)) {
    const [last, group] = name.split('.').reverse();
    entries[`op/${name}`] = `
      import { ${last} } from '@tensorflow/tfjs-core/dist/ops/${file}';
      import { operations } from 'edge-deploy:registry';
      ${group ? `(operations.${group} ??= {}).${last}` : `operations.${last}`} = ${last};`;
  }
  const families = (await readdir(join(modules, 'tfjs-converter/dist/operations/executors')))
    .map((file) => /^(\w+)_executor\.js$/.exec(file)?.[1])
    .filter(Boolean);
  for (const family of families) {
    const list = family === 'ragged' ? null : `@tensorflow/tfjs-converter/dist/operations/op_list/${family}`;
    entries[`family/${family}`] = `
      import { families, lists } from 'edge-deploy:registry';
      import { executeOp } from '@tensorflow/tfjs-converter/dist/operations/executors/${family}_executor';
      ${list ? `import { json } from '${list}'; lists.push(json);` : ''}
      families.${family} = executeOp;`;
  }

  const { metafile } = await build({
    entryPoints: Object.keys(entries).map((name) => ({ in: `part:${name}`, out: name })),
    plugins: [takenApart(here, entries, read)],
    outdir: out,
    chunkNames: 'chunk-[hash]',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2020',
    legalComments: 'none',
    preserveSymlinks: true,
    metafile: true,
    logLevel: 'error',
  });
  const parts = await partsOfOperators(read, operations, kernels, families);
  parts.definitions = definitionsOnly(metafile);
  await writeFile(join(out, 'parts.json'), JSON.stringify(parts));
}

/** Chunks that do nothing when they run, so that only those who use a name of theirs need them. */
function definitionsOnly({ outputs }) {
  const pure = /tfjs-core\/dist\/ops\/|node_modules\/seedrandom\//;
  return Object.entries(outputs)
    .filter(([file]) => /chunk-/.test(file))
    .filter(([, { inputs }]) => Object.keys(inputs).every((input) => pure.test(input)))
    .map(([file]) => basename(file));
}

/** The operators of a graph run from registries that the parts fill. */
function takenApart(here, entries, read) {
  return {
    name: 'taken-apart',
    setup(plugins) {
      const resolveDir = here;
      plugins.onResolve({ filter: /^part:/ }, ({ path }) => ({ path, namespace: 'part' }));
      plugins.onLoad({ filter: /.*/, namespace: 'part' }, ({ path }) => ({
        contents: entries[path.slice('part:'.length)],
        resolveDir,
      }));
      plugins.onResolve({ filter: /^edge-deploy:registry$/ }, ({ path }) => ({
        path,
        namespace: 'registry',
      }));
      plugins.onLoad({ filter: /.*/, namespace: 'registry' }, () => ({
        contents: 'export const operations = {}, families = {}, lists = [];',
      }));
      plugins.onLoad({ filter: /ops\/ops_for_converter\.js$/ }, () => ({
        contents: `export { operations } from 'edge-deploy:registry';`,
        resolveDir,
      }));
      plugins.onLoad({ filter: UNUSED }, async ({ path }) => {
        const code = await read(path.split('@tensorflow/').pop());
        const names = [...code.matchAll(/^export (?:const|class|(?:async )?function) (\w+)/gm)];
        const listed = [...code.matchAll(/^export \{ ([^}]+) \};/gm)].flatMap(([, list]) => list.split(', '));
        return {
          contents: [...names.map(([, name]) => name), ...listed.map((item) => item.split(' as ').pop())]
            .map((name) => `export function ${name}() {}`)
            .join('\n'),
        };
      });
      plugins.onLoad({ filter: THREADS }, () => ({
        contents: "export default function () {}\nexport const wasmWorkerContents = '';",
      }));
      plugins.onLoad({ filter: FAMILIES }, async ({ path }) => ({
        contents: replaced(
          await read(path.split('@tensorflow/').pop()),
          /import \* as tfOps from '(.*ops_for_converter)'/,
          "import { operations as tfOps } from '$1'",
          true,
        ),
        resolveDir: dirname(path),
      }));
      plugins.onLoad({ filter: /operations\/operation_executor\.js$/ }, ({ path }) => ({
        // What is not tidied there either: these keep tensors from one node to the next.
        contents: `
          import { tidy as clean, util } from '@tensorflow/tfjs-core';
          import { families } from 'edge-deploy:registry';
          const KEEP = ['control', 'dynamic', 'hash_table'];
          export function executeOp(node, tensors, context, resources, tidy = clean) {
            const execute = families[node.category];
            if (!execute) throw new TypeError("Kernel '" + node.op + "' not registered");
            const run = () => execute(node, tensors, context, resources);
            const value = KEEP.includes(node.category)
              ? run()
              : tidy(() => execute(node, tensors, context));
            return util.isPromise(value) ? value.then((data) => [].concat(data)) : [].concat(value);
          }`,
        resolveDir: dirname(path),
      }));
      plugins.onLoad({ filter: /operations\/operation_mapper\.js$/ }, async ({ path }) => {
        const code = await read(path.split('@tensorflow/').pop());
        const without = code.replace(/import \* as \w+ from '\.\/op_list\/\w+';\n/g, '');
        const made = replaced(without, /const ops = \[[^\]]*\];/, '');
        return {
          contents: `import { lists } from 'edge-deploy:registry';\n${replaced(
            made,
            /\[\]\.concat\(\.\.\.ops\.map\(op => op\.json\)\)/,
            '[].concat(...lists)',
          )}`,
          resolveDir: dirname(path),
        };
      });
    },
  };
}

function replaced(code, what, by, optional = false) {
  if (!optional && !what.test(code)) throw new Error(`TF.js is not as it was: no ${what}`);
  return code.replace(what, by);
}

/** Each operation of TF.js and the file that has it: {add: 'add', 'fused.conv2d': 'fused/conv2d'}. */
export async function operationFiles(read) {
  const code = await read('tfjs-core/dist/ops/ops.js');
  const found = {};
  for (const [, names, file] of code.matchAll(/^export \{ ([\w, ]+) \} from '\.\/([\w/]+)';/gm)) {
    for (const name of names.split(', ')) found[name] = file;
  }
  for (const [, file] of code.matchAll(/^export \* from '\.\/(\w+)';/gm)) {
    const inner = await read(`tfjs-core/dist/ops/${file}.js`);
    for (const [, names] of inner.matchAll(/^export \{ ([^}]+) \};/gm)) {
      for (const name of names.split(', ')) if (!name.includes(' as ')) found[name] = file;
    }
    for (const [, name] of inner.matchAll(/^export (?:const|async function|function) (\w+)/gm)) {
      found[name.replace(/_$/, '')] ??= file;
    }
  }
  const fused = await read('tfjs-core/dist/ops/fused_ops.js');
  for (const [, name, file] of fused.matchAll(/import \{ (\w+) \} from '\.\/(fused\/\w+)'/g)) {
    found[`fused.${name}`] = file;
  }
  const imports = Object.fromEntries(
    [...code.matchAll(/^import \{ (\w+) \} from '\.\/([\w/]+)';/gm)].map(([, n, f]) => [n, f]),
  );
  for (const group of ['image', 'linalg', 'spectral', 'sparse', 'string']) {
    const body = new RegExp(`const ${group} = \\{([^}]*)\\}`).exec(code)?.[1] ?? '';
    for (const item of body.split(',')) {
      const [name, local = name] = item.trim().split(/:\s*/);
      if (imports[local]) found[`${group}.${local}`] = imports[local];
      if (imports[local] && name !== local) delete found[`${group}.${local}`];
    }
  }
  for (const [name, file] of Object.entries(found)) {
    const last = name.split('.').pop();
    const inner = await read(`tfjs-core/dist/ops/${file}.js`).catch(() => '');
    if (!new RegExp(`export .*\\b${last}\\b`).test(inner)) delete found[name];
  }
  return found;
}

/** The kernels of a backend: {FusedBatchNorm: {file: 'BatchNorm', config: 'batchNormConfig'}}. */
export async function kernelFiles(folder) {
  const found = {};
  for (const file of await readdir(folder)) {
    if (!/\.js$/.test(file) || /_test|_impl/.test(file)) continue;
    const code = await readFile(join(folder, file), 'utf8');
    const config = /^export const (\w+Config) = /m.exec(code)?.[1];
    const name = /kernelName: '?(\w+)|KernelConfig\((\w+)/.exec(code)?.slice(1).find(Boolean);
    if (config && name && !BACKWARDS.test(name)) {
      found[name] = { config, file: basename(file, '.js') };
    }
  }
  return found;
}

/** What each graph operator needs: its family, operations and kernels, all by the parts' names. */
export async function partsOfOperators(read, operations, kernels, families) {
  const names = {}; // the name that a kernel has in calls -> the file that has it, by backend
  for (const backend of Object.keys(kernels)) names[backend] = new Set(Object.keys(kernels[backend]));
  const memo = new Map();
  async function kernelsOf(file) {
    if (memo.has(file)) return memo.get(file);
    const found = new Set();
    memo.set(file, found);
    const code = await read(`tfjs-core/dist/ops/${file}.js`).catch(() => '');
    for (const [, list] of code.matchAll(/import \{ ([^}]+) \} from '(?:\.\.\/)+kernel_names'/g)) {
      for (const name of list.split(', ')) if (!BACKWARDS.test(name)) found.add(name);
    }
    for (const [, name] of code.matchAll(/runKernel\('(\w+)'/g)) found.add(name);
    for (const [, path] of code.matchAll(/from '(\.\.?\/[\w./]+)'/g)) {
      const next = join(dirname(file), path);
      if (next.startsWith('..') || /backprop|_grad|_util/.test(next)) continue;
      for (const name of await kernelsOf(next)) found.add(name);
    }
    return found;
  }
  const byOp = {};
  for (const family of families) {
    const list = await read(`tfjs-converter/dist/operations/op_list/${family}.js`).catch(() => '');
    const executor = await read(`tfjs-converter/dist/operations/executors/${family}_executor.js`);
    const bodies = executorCases(executor);
    for (const [, op] of list.matchAll(/'tfOpName': '(\w+)'/g)) {
      if (op === HASHES) continue; // a site of such a model has the whole of TF.js
      const called = [...(bodies[op] ?? executor).matchAll(/\b(?:ops|tfOps)\.(\w+(?:\.\w+)?)/g)]
        .map(([, name]) => (operations[name] ? name : name.split('.')[0]))
        .filter((name) => operations[name]);
      const needed = new Set();
      for (const name of called) {
        for (const kernel of await kernelsOf(operations[name])) needed.add(kernel);
      }
      byOp[op] = { family, operations: [...new Set(called)], kernels: [...needed] };
    }
  }
  return { operators: byOp, kernels: Object.fromEntries(Object.entries(names).map(([b, s]) => [b, [...s]])) };
}

/** The code of each `case` of an executor's switch; cases without a body share the next one's. */
function executorCases(code) {
  const found = {};
  let waiting = [];
  for (const piece of code.split(/(?=^ {8}case ')/m).slice(1)) {
    const [, op, body] = /^ {8}case '(\w+)':([\s\S]*)/.exec(piece) ?? [];
    if (!op) continue;
    waiting.push(op);
    if (!body.trim()) continue;
    for (const name of waiting) found[name] = body;
    waiting = [];
  }
  return found;
}
