// ?selftest=1: every model, file and backend of the site on this device, as JSON for machines.
import { selfCheck } from './check.js';
import { RUNTIMES, open } from './model.js';
import { addressOf, filesOf } from './paths.js';
import { describe } from './reference.js';

/**
 * Run all, and leave {ok, results: [{model, file, runtime, backend, ok, max_abs_error, ms}]} as
 * text in <pre id="selftest">. A row that could not run has an `error` in words; a backend that
 * this browser lacks is `skipped` and does not count.
 */
export async function selftest(index, root) {
  const pre = document.createElement('pre');
  pre.id = 'selftest';
  const results = [];
  for (const entry of index.models) {
    const { manifest, reference } = await describe(entry);
    for (const file of entry.files) {
      for (const backend of RUNTIMES[file.target].backends) {
        const row = { model: entry.key, file: file.file, runtime: RUNTIMES[file.target].runtime, backend };
        results.push({ ...row, ...(await tested(file, backend, { entry, manifest, reference })) });
      }
    }
  }
  const ok = results.length > 0 && results.every((row) => row.ok || row.skipped);
  pre.textContent = JSON.stringify({ ok, results }, null, 1);
  root.append(pre);
  document.documentElement.dataset.state = ok ? 'ready' : 'error';
}

async function tested(file, backend, { entry, manifest, reference }) {
  const failed = { ok: false, max_abs_error: null, ms: null };
  if (backend === 'webgpu' && !(await navigator.gpu?.requestAdapter().catch(() => null))) {
    return { ...failed, skipped: 'this browser has no WebGPU' };
  }
  let model = null;
  try {
    const files = filesOf(entry, file);
    model = await open(file.target, addressOf(entry, file), backend, manifest, { files });
    await model.predict(reference.samples[0].inputs);
    const started = performance.now();
    const check = await selfCheck(model, reference, manifest.outputs, file);
    const ms = (performance.now() - started) / reference.samples.length;
    const error = Number.isFinite(check.maxAbsError) ? check.maxAbsError : null; // JSON has no more
    return { ok: check.pass, max_abs_error: error, ms };
  } catch (error) {
    return { ...failed, error: error.message };
  } finally {
    model?.dispose();
  }
}
