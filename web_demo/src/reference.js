// What a site says of a model, and the samples packaged with it with the original's answers.
import { fromBytes } from './arrays.js';
import { rowInput } from './inference.js';
import { fetchOk, json } from './fetching.js';
import { placeOf } from './paths.js';

/**
 * @param {object} entry of the version, in the site's index; its revision is of what is fetched here,
 *   by which no cache on the way confuses versions
 * @returns {Promise<{manifest: object, reference: {samples: Array<{inputs: object, outputs: object}>,
 *   whole: object, columns: ?{samples: number, ranges: Array}, answers: ?{samples: number, ranges:
 *   object}, pixels: ?{mean: number[], deviation: number[]}}}>} samples of {data, shape} by name,
 *   where each look at `inputs` makes new ones, for a model takes those that it is given;
 *   {scale, power} of each output over the whole reference: its largest absolute value and its
 *   mean square; the least and the largest number of each of a form's fields over all samples,
 *   and whether all are whole; the least and the largest answer of outputs that are one value, and
 *   of pictures, the mean and the deviation of whose numbers lie between these
 */
export async function describe(entry) {
  const file = (name) => new URL(`?${entry.revision}`, placeOf(entry, name));
  const [manifest, { samples, whole, columns, answers, pixels }, buffer] = await Promise.all([
    json(file('manifest.json')),
    json(file('reference.json')),
    fetchOk(file('reference.bin')).then((response) => response.arrayBuffer()),
  ]);
  const tensors = (place, specs) =>
    Object.fromEntries(
      specs.map(({ name, dtype }) => {
        const { shape, start, end } = place[name];
        return [name, { shape, data: fromBytes(buffer.slice(start, end), dtype) }];
      }),
    );
  const read = samples.map(({ row, inputs, outputs }) => ({
    get inputs() {
      // Encoding words is part of the model, so the page must do that right, too.
      return row ? rowInput(manifest, manifest.features, row) : tensors(inputs, manifest.inputs);
    },
    outputs: tensors(outputs, manifest.outputs),
  }));
  return { manifest, reference: { samples: read, whole, columns, answers, pixels } };
}
