// Every file of a model, run on this device one after another.
import { selfCheck } from './check.js';
import { open, RUNTIMES } from './model.js';
import { addressOf, filesOf } from './paths.js';

const RUNS = 9;

/** What there is to run: each file on each backend that this browser can have. */
export async function waysToRun(files) {
  const gpu = Boolean(await navigator.gpu?.requestAdapter().catch(() => null));
  return files.flatMap((file) => {
    const backends = RUNTIMES[file.target]?.backends ?? [];
    const here = backends.filter((name) => name !== 'cpu' && (name !== 'webgpu' || gpu));
    return here.map((backend) => ({ file, backend, runtime: RUNTIMES[file.target].name }));
  });
}

/**
 * Run one of them.
 * @returns {Promise<{backend: string, first: number, median: number, distance: number, pass: boolean}>}
 *   milliseconds of the first answer and of the median one; the largest error as a share of the
 *   output's scale, and whether that is within what the file may cost
 */
export async function measure({ file, backend }, { entry, manifest, reference, signal }) {
  const options = { signal, files: filesOf(entry, file) };
  const model = await open(file.target, addressOf(entry, file), backend, manifest, options);
  try {
    const [sample] = reference.samples;
    const timed = async () => {
      const { inputs } = sample;
      const started = performance.now();
      await model.predict(inputs, { signal });
      return performance.now() - started;
    };
    const first = await timed();
    const { worst, pass } = await selfCheck(model, reference, manifest.outputs, file);
    const times = [];
    const until = performance.now() + 3000;
    while (times.length < RUNS && (times.length < 3 || performance.now() < until)) times.push(await timed());
    times.sort((a, b) => a - b);
    return { backend: model.backend, first, median: times[times.length >> 1], distance: worst, pass };
  } finally {
    model.dispose();
  }
}
