// Threads for models.
import { memoryOf } from './arrays.js';
import { hasCard } from './gpu.js';
import { SITE, inside, load, reason } from './paths.js';

const WORKER = 'src/worker.js';

export const aborted = () => new DOMException('stopped', 'AbortError');

const TURN = 12; // milliseconds after which the page's own thread lets clicks through

/**
 * A thread of {call(message, signal) -> Promise, end(), progress}, which model.js sets.
 * @param {boolean} [near] whether it is to be the page's own
 */
export function newThread(near = false) {
  try {
    if (near || inside.there) return pageThread();
    return workerThread();
  } catch {
    return pageThread(); // a module of another site may not start a worker here
  }
}

/** A model in a module worker, the first in the one that preload.js started. */
function workerThread() {
  const worker =
    globalThis.spareWorker ?? new Worker(new URL(WORKER, SITE), { type: 'module' });
  globalThis.spareWorker = null;
  const waiting = new Map();
  let broken = null;
  let next = 0;
  const fail = (error) => {
    waiting.forEach(({ reject }) => reject(error));
    waiting.clear();
  };
  worker.onmessage = ({ data: { id, value, error, inputs, progress } }) => {
    if (progress) return thread.progress(progress);
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error) reject?.(Object.assign(new Error(error.message), { name: error.name, inputs }));
    else resolve?.(value);
    return undefined;
  };
  worker.onerror = async (event) => {
    event.preventDefault();
    broken = new Error(event.message || 'the page’s code for models cannot be loaded');
    if (!event.message) broken = (await reason(WORKER)) ?? broken;
    fail(broken);
  };
  const end = () => {
    worker.terminate();
    fail(aborted());
  };
  const thread = {
    call(message, signal) {
      return new Promise((resolve, reject) => {
        if (broken || signal?.aborted) return reject(broken ?? aborted());
        next += 1;
        const id = next;
        signal?.addEventListener('abort', () => waiting.delete(id) && reject(aborted()), { once: true });
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, ...message }, memoryOf(message.inputs));
        return undefined;
      });
    },
    end,
  };
  return thread;
}

/** The same in the page's own thread. */
function pageThread() {
  let model = null;
  let ended = false;
  let busy = 0; // milliseconds of answers in a row
  let left = 0; // when the last one was there

  async function predict(inputs) {
    if (performance.now() - left > TURN) busy = 0;
    if (busy > TURN) {
      await turn();
      busy = 0;
    }
    const started = performance.now();
    try {
      return await model.predict(inputs);
    } finally {
      left = performance.now();
      busy += left - started;
    }
  }

  const thread = {
    async call({ call, target, url, backend, spec, options, inputs }) {
      if (call === 'card') return hasCard();
      if (ended) throw aborted();
      if (call === 'predict') return predict(inputs);
      if (call !== 'open') return model[call]();
      const { openHere } = await load(WORKER); // a browser takes its time for that, each time
      if (ended) throw aborted();
      model = await openHere(target, new URL(url), backend, spec, { ...options, onProgress: thread.progress });
      return { backend: model.backend };
    },
    end() {
      ended = true;
      model?.dispose();
    },
  };
  return thread;
}

/** Let what waits for this thread come first. */
function turn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
