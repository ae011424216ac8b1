// The samples packaged with a model, and the original's answers.
import { fromBytes } from './arrays.js';
import { rowInput } from './asking.js';

/**
 * @returns {Promise<{samples: Array<{inputs: object, outputs: object}>, whole: object}>} samples of
 *   {data, shape} by name; {scale, power} of each output over the whole reference: its largest
 *   absolute value and its mean square
 */
export async function readReference(folder, given) {
  const get = async (name) => {
    const response = await fetch(new URL(name, folder));
    if (!response.ok) throw new Error(`${name} is missing (HTTP ${response.status})`);
    return response;
  };
  const [{ samples, whole }, buffer, manifest] = await Promise.all([
    get('reference.json').then((response) => response.json()),
    get('reference.bin').then((response) => response.arrayBuffer()),
    given, // may still be on its way
  ]);
  const tensors = (places, specs) =>
    Object.fromEntries(
      specs.map(({ name, dtype }) => {
        const { shape, start, end } = places[name];
        return [name, { shape, data: fromBytes(buffer.slice(start, end), dtype) }];
      }),
    );
  return {
    whole,
    samples: samples.map(({ row, inputs, outputs }) => ({
      // Counting texts is part of the model, so the page must do that right, too.
      inputs: row ? rowInput(manifest, manifest.features, row) : tensors(inputs, manifest.inputs),
      outputs: tensors(outputs, manifest.outputs),
    })),
  };
}
