// Which tensor of a file each wanted one is.

/**
 * By name; in a file of somebody else, whose names are others, in order.
 * @param {string} what 'inputs' or 'outputs'
 * @param {Array<{name: string}>} wanted as in the manifest
 * @param {string[]} names of the file, in its order
 * @returns {number[]} for each wanted tensor its position in the file
 */
export function wire(what, wanted, names) {
  if (wanted.every(({ name }) => names.includes(name))) {
    return wanted.map(({ name }) => names.indexOf(name));
  }
  if (names.length !== wanted.length) {
    throw new Error(
      `the file has ${names.length} ${what} (${names.join(', ')}), the original has ` +
        `${wanted.length} (${wanted.map(({ name }) => name).join(', ')})`,
    );
  }
  return wanted.map((_, n) => n);
}

/** The value of an input, or an error that names it. */
export function given(values, name) {
  if (!values[name]) throw new Error(`no value for the input "${name}"`);
  return values[name];
}
