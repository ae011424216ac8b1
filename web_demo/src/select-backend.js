// Open a file on the first backend that starts here and answers as the original did.
import { selfCheck } from './check.js';
import { bestBackend, open, RUNTIMES } from './model.js';

/** The backends to try, in order: what was chosen, and then those that are safe. */
function attempts(target, backend) {
  const all = RUNTIMES[target].backends;
  const best = () => all.find((name) => name === bestBackend()) ?? all[0];
  const first = backend === 'auto' ? best() : backend;
  return [...new Set([first, 'wasm', 'cpu'])].filter((name) => all.includes(name));
}

/**
 * @param {object} file of the site's index
 * @param {string} backend one of the runtime's, or auto
 * @param {object} place {url, files, spec, described, signal}; `described` is a promise of
 *   {manifest, reference}, which may still be on their way while the file is
 * @param {object} tell {starting(backend), progress(state), checking(), fell(from, to)}
 * @returns {Promise<{model, check, each: number}>} each: milliseconds of an answer
 */
export async function openChecked(file, backend, place, tell) {
  const { url, files, spec, described, signal } = place;
  described.catch(() => {}); // told when it is waited for
  const order = attempts(file.target, backend);
  let firstError = null;
  let failed = null; // the first that runs and is wrong, shown when none is right
  for (const [n, name] of order.entries()) {
    tell.starting(name);
    let model;
    try {
      const options = { files, signal, onProgress: tell.progress };
      model = await open(file.target, url, name, spec, options);
      const { manifest, reference } = await described;
      tell.checking();
      await model.predict(reference.samples[0].inputs, { signal }); // compiles
      performance.mark('first-answer');
      const started = performance.now();
      const check = await selfCheck(model, reference, manifest.outputs, file);
      const each = (performance.now() - started) / reference.samples.length;
      // What is refused is not this backend's fault.
      if (check.pass || check.refused) {
        failed?.model.dispose();
        if (n) tell.fell(order[0], name);
        return { model, check, each };
      }
      if (failed) model.dispose();
      else failed = { model, check, each };
    } catch (error) {
      model?.dispose();
      if (signal.aborted) {
        failed?.model.dispose();
        throw error;
      }
      firstError ??= error;
      // What no other backend would mend: a file that does not come, or is not what it should be.
      if (error.name === 'Unserved') break;
      if (!/backend|WebGL|WebGPU|context|shader|kernel|wasm/i.test(error.message)) break;
    }
  }
  if (failed) return failed;
  throw firstError;
}
