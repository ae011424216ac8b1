// A model that another one can take the place of while it is used.

/**
 * What holds the model need not know of an exchange.
 * @param {object} first what open() gave
 */
export function exchangeable(first) {
  let inner = first;
  let ended = false;
  const busy = new Map([[first, 0]]);
  const settle = (model) => model !== inner && !busy.get(model) && busy.delete(model) && model.dispose();
  return {
    get backend() {
      return inner.backend;
    },
    target: first.target,
    runtime: first.runtime,
    async predict(...question) {
      const model = inner;
      busy.set(model, busy.get(model) + 1);
      try {
        return await model.predict(...question);
      } finally {
        busy.set(model, busy.get(model) - 1);
        if (!ended) settle(model);
      }
    },
    tensors: () => inner.tensors(),
    trouble: () => inner.trouble(),
    dispose() {
      ended = true;
      for (const model of busy.keys()) model.dispose();
    },
    /** From now on another one answers; the old one ends with its last answer. */
    exchange(next) {
      if (ended) return next.dispose();
      const old = inner;
      inner = next;
      busy.set(next, 0);
      settle(old);
      return undefined;
    },
  };
}
