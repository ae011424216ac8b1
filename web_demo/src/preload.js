// The thread of the first model starts before the page's code is there; thread.js takes it. Where
// the page's code came first (scripts of this kind have no order), it has one of its own already.
const worker =
  globalThis.Worker &&
  globalThis.spareWorker === undefined &&
  new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
globalThis.spareWorker = worker || null;
// What failed before anybody listened would be waited for in vain.
if (worker) worker.onerror = () => (globalThis.spareWorker = null);
