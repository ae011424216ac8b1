// Writes web_demo/src/runtimes/simd.js: simd.wat beside it as the bytes that a browser takes, in text.
// Run it after a change of simd.wat: node tools/write_simd.mjs (--check only compares the two)
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(dirname(fileURLToPath(import.meta.url))), 'web_demo');
const wabt = await createRequire(join(root, 'package.json'))('wabt')();
const text = await readFile(join(root, 'src/runtimes/simd.wat'), 'utf8');

function assembled(code) {
  const features = { simd: true, relaxed_simd: true, bulk_memory: true };
  const { buffer } = wabt.parseWat('simd.wat', code, features).toBinary({});
  const lines = Buffer.from(buffer).toString('base64').match(/.{1,96}/g);
  return `[\n${lines.map((line) => `  '${line}',`).join('\n')}\n].join('')`;
}

/** The same where a product and a sum are two operations. */
function withoutRelaxed(code) {
  const name = '(f32x4.relaxed_madd';
  const at = code.lastIndexOf(name); // the innermost ones come last
  if (at < 0) return code;
  let end = at + name.length;
  const operands = [];
  while (operands.length < 3) {
    const start = code.indexOf('(', end);
    let open = 0;
    for (end = start; end === start || open; end += 1) open += { '(': 1, ')': -1 }[code[end]] ?? 0;
    operands.push(code.slice(start, end));
  }
  const [a, b, c] = operands;
  const plain = `(f32x4.add (f32x4.mul ${a} ${b}) ${c}`;
  return withoutRelaxed(code.slice(0, at) + plain + code.slice(end));
}

const code = `// Written by tools/write_simd.mjs: change simd.wat, then run that.

/** simd.wat as a module of WebAssembly, in base64. */
export const RELAXED = ${assembled(text)};

/** The same without relaxed operations, which some browsers lack. */
export const PLAIN = ${assembled(withoutRelaxed(text))};
`;
const file = join(root, 'src/runtimes/simd.js');
if (!process.argv.includes('--check')) await writeFile(file, code);
else if (code !== (await readFile(file, 'utf8'))) {
  console.error('simd.js is not what simd.wat says: node tools/write_simd.mjs');
  process.exit(1);
}
