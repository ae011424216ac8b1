// What a visitor has marked: in this browser's IndexedDB, or in memory where it has none for us.

const NAME = 'edge-deploy-marks';
const STORE = 'marks';

/**
 * Nothing is laid down in the browser before the first mark.
 * @param {string} key of the model, with the site that it is on
 * @returns {Promise<{kept: boolean, all: Function, add: Function, remove: Function, clear: Function}>}
 *   kept: whether marks outlive the page; add(mark) gives its id
 */
export async function openStore(key) {
  let store = (await exists()) ? await laidDown(key) : null;
  return {
    get kept() {
      return store?.kept ?? true;
    },
    all: async () => (store ? store.all() : []),
    async add(mark) {
      store ??= await laidDown(key);
      return store.add(mark);
    },
    remove: async (id) => store?.remove(id),
    clear: async () => store?.clear(),
  };
}

async function exists() {
  try {
    const names = await indexedDB.databases();
    return names.some(({ name }) => name === NAME);
  } catch {
    return true; // a browser that does not tell, or none that keeps anything
  }
}

async function laidDown(key) {
  try {
    return inBrowser(await opened(), key);
  } catch {
    return inMemory(); // private windows, or storage that is forbidden
  }
}

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(STORE, { keyPath: 'id', autoIncrement: true }).createIndex('key', 'key');
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('blocked'));
  });
}

function inBrowser(database, key) {
  const ask = (mode, question) =>
    new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = question(transaction.objectStore(STORE));
      // Only then is it on the disk.
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? request.error);
    });
  const all = () => ask('readonly', (store) => store.index('key').getAll(key));
  return {
    kept: true,
    all,
    add: (mark) => ask('readwrite', (store) => store.add({ ...mark, key })),
    remove: (id) => ask('readwrite', (store) => store.delete(id)),
    async clear() {
      for (const { id } of await all()) await ask('readwrite', (store) => store.delete(id));
    },
  };
}

function inMemory() {
  const marks = new Map();
  let next = 0;
  return {
    kept: false,
    all: async () => [...marks.values()],
    async add(mark) {
      next += 1;
      marks.set(next, { ...mark, id: next });
      return next;
    },
    remove: async (id) => marks.delete(id),
    clear: async () => marks.clear(),
  };
}
