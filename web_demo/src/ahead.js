// The thread of the first model starts before the page's code is there; thread.js takes it.
globalThis.spareWorker =
  globalThis.Worker && new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
