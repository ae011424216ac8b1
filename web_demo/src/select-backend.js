// Open a model in the first way that starts here and answers as the original did.
import { selfCheck } from './check.js';
import { bestBackend, open, RUNTIMES } from './model.js';
import { addressOf, filesOf } from './paths.js';
import { backendOf } from './runtimes/table.js';

/**
 * Files that may take the place of the site's own choice where it cannot run or is wrong: other
 * runtimes', not compressed. Whoever chose a file sees what that file does.
 */
export function standIns(entry, { file, target }) {
  return file === entry.file ? entry.files.filter((one) => one.strict && one.target !== target) : [];
}

/**
 * The ways to try, in order: what was chosen, then what is safe. Another runtime's file comes
 * before plain JavaScript, which is a hundred times as slow. What was the fastest here before
 * comes first.
 * @returns {Array<{file: object, backend: string}>}
 */
async function attempts([file, ...others], backend, first = null) {
  // What was the fastest here needs no look at the device; should it fail, wasm is everywhere.
  const asks = !first && backend === 'auto' && RUNTIMES[file.target].backends.includes('webgl');
  const device = asks ? await bestBackend() : 'wasm';
  const on = (one, chosen) => {
    const all = RUNTIMES[one.target].backends;
    const start = chosen === 'auto' ? backendOf(one.target, device) : chosen;
    return [...new Set([start, 'wasm', 'cpu'])]
      .filter((name) => all.includes(name))
      .map((name) => ({ file: one, backend: name }));
  };
  const ways = [...on(file, backend), ...others.flatMap((other) => on(other, 'auto'))];
  const slow = (way, n) => n > 0 && way.backend === 'cpu';
  const safe = [...ways.filter((way, n) => !slow(way, n)), ...ways.filter(slow)];
  const same = (way) => first && way.file === first.file && way.backend === first.backend;
  return first ? [first, ...safe.filter((way) => !same(way))] : safe;
}

/**
 * @param {object[]} choice files of the site's index: the one that is wanted, and its stand-ins
 * @param {string} backend one of the first file's runtime's, or auto
 * @param {object} place {entry, described, signal, first}; `described` is a promise of
 *   {manifest, reference}, which may still be on their way while the file is; `first` the way to
 *   try first, or null
 * @param {object} tell {starting(way), progress(state), checking(), fell(from, to)}, of ways
 * @returns {Promise<{file, model, check, each: number, failed: string[]}>} the file that was opened;
 *   each: milliseconds of an answer; failed: backends on which that file did not do
 */
export async function openChecked(choice, backend, place, tell) {
  const { entry, described, signal, first = null } = place;
  described.catch(() => {}); // told when it is waited for
  const ways = await attempts(choice, backend, first);
  let firstError = null;
  let failed = null; // the first that runs and is wrong, shown when none is right
  for (const [n, way] of ways.entries()) {
    tell.starting(way);
    let model;
    let ready = false;
    try {
      const options = { files: filesOf(entry, way.file), signal, onProgress: tell.progress };
      model = await open(way.file.target, addressOf(entry, way.file), way.backend, entry.spec, options);
      const { manifest, reference } = await described;
      ready = true;
      tell.checking();
      await model.predict(reference.samples[0].inputs, { signal }); // compiles
      performance.mark('first-answer');
      const started = performance.now();
      const check = await selfCheck(model, reference, manifest.outputs, way.file);
      const each = (performance.now() - started) / reference.samples.length;
      // What is refused is not this backend's fault.
      if (check.pass || check.refused) {
        failed?.model.dispose();
        if (n) tell.fell(ways[0], way);
        const before = ways.slice(0, n).filter((one) => one.file === way.file);
        return { file: way.file, model, check, each, failed: before.map((one) => one.backend) };
      }
      if (failed) model.dispose();
      else failed = { file: way.file, model, check, each, failed: [] };
    } catch (error) {
      model?.dispose();
      if (signal.aborted) {
        failed?.model.dispose();
        throw error;
      }
      firstError ??= error;
      // What no other way would mend: a file that does not come, or is not what it should be.
      if (error.name === 'Unserved') break;
      // What is there and cannot answer lacks something on this backend, in whatever words.
      if (!ready && !/backend|WebGL|WebGPU|context|shader|kernel|wasm/i.test(error.message)) break;
    }
  }
  if (failed) return failed;
  throw firstError;
}
