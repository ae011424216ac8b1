// The thread of the first model starts before the page's code is there; thread.js takes it.
const worker =
  globalThis.Worker && new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
globalThis.spareWorker = worker;
// What failed before anybody listened would be waited for in vain.
if (worker) worker.onerror = () => (globalThis.spareWorker = null);
