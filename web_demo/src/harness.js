// What `edge-deploy verify` talks to: the page's own model.js, with arrays as base64.
import { encodeRow } from './features.js';
import { open, typed } from './model.js';
import { fromBase64, toBase64 } from './arrays.js';

let model = null;
let spec = null;

globalThis.edgeDeploy = {
  /** Open a file; returns the backend that is really in use. */
  async open(target, url, backend, wanted, seconds) {
    spec = wanted;
    model?.dispose();
    model = await within(seconds, open(target, new URL(url, location.href), backend, wanted));
    return model.backend;
  },

  /**
   * Answer one sample: {name: {data: base64, shape}} in, the same with a dtype out, and the
   * milliseconds that the model itself took.
   */
  async predict(encoded, seconds) {
    const inputs = decoded(encoded);
    const started = performance.now();
    const answer = await within(seconds, model.predict(inputs));
    const ms = performance.now() - started;
    const outputs = {};
    for (const [name, { data, shape }] of Object.entries(answer)) {
      outputs[name] = { data: toBase64(data), shape, array: data.constructor.name };
    }
    return { outputs, ms };
  },

  /**
   * Milliseconds of answers to one sample, as the page gets them; the first one comes first.
   * A page's clock ticks every 0.1 ms: short answers are timed several at a time.
   */
  async time(encoded, fewest, most, seconds, limit) {
    const times = [];
    const started = performance.now();
    let batch = 1;
    while (
      times.length < fewest ||
      (times.length < most && performance.now() - started < seconds * 1000)
    ) {
      const inputs = Array.from({ length: batch }, () => decoded(encoded));
      const before = performance.now();
      for (const one of inputs) await within(limit, model.predict(one));
      const spent = performance.now() - before;
      times.push(spent / batch);
      if (times.length > 1 && spent < 10) batch *= 2;
    }
    return times;
  },

  /** Rows as the page encodes them: what is not 0, as place, number, place, number. */
  encode: (features, rows) =>
    rows.map((row) => [...encodeRow(features, row).entries()].filter(([, value]) => value !== 0).flat()),

  /** How many tensors are alive: it must not grow from one sample to the next. */
  tensors: () => model.tensors(),
};
document.documentElement.dataset.state = 'ready';

function decoded(encoded) {
  const inputs = {};
  for (const { name, dtype } of spec.inputs) {
    const { data, shape } = encoded[name];
    inputs[name] = { data: typed(fromBase64(data, dtype), dtype), shape };
  }
  return inputs;
}

function within(seconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    const stop = () => reject(new Error(`no answer within ${seconds} seconds`));
    timer = setTimeout(stop, seconds * 1000);
  });
  // A timer that is left holds its answer for as long as it would have waited.
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
