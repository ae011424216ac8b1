// What a visitor gives, as a model's inputs; and its answer, for machines.
import { encodeRow } from './features.js';
import { typed } from './model.js';
import { preprocess } from './preprocess.js';

/** One sample's shape: every axis that the model leaves open is 1, or what the values need. */
function shaped(spec, values, size) {
  const shape = spec.shape.map((axis, n) => axis ?? (n > 0 && size?.[n - 1]) ?? 1);
  shape[0] = spec.shape[0] ?? 1;
  return { data: typed(values, spec.dtype), shape: shape.map((axis) => axis || 1) };
}

/** Whether all samples of a model have one shape. */
export const isFixed = ({ inputs }) => inputs.every(({ shape }) => shape.slice(1).every((axis) => axis !== null));

/** The input that a picture becomes. */
export const imageSpec = ({ inputs }) => inputs.find(({ kind }) => kind === 'image') ?? inputs[0];

/** A decoded picture as the inputs of a model. */
export function pictureInput(manifest, picture) {
  const spec = imageSpec(manifest);
  const values = preprocess(manifest.preprocessing, picture);
  return { [spec.name]: shaped(spec, values, manifest.preprocessing.image.size) };
}

/** Values by feature name as the inputs of a table model. */
export function rowInput({ inputs: [spec] }, features, row) {
  return { [spec.name]: shaped(spec, encodeRow(features, row)) };
}

/** Numbers and shapes by input name as the inputs of a model. */
export function tensorInput({ inputs }, tensors) {
  return Object.fromEntries(
    inputs.map(({ name, dtype }) => {
      const { values, shape } = tensors[name];
      return [name, { data: typed(values, dtype), shape }];
    }),
  );
}

/** The answer for machines: every number, by the model's own names. */
export function asDocument({ entry, file, model }, specs, outputs, what, row) {
  return {
    model: entry.name,
    version: entry.version,
    file: file.file,
    backend: model.backend,
    input: row ?? what,
    outputs: Object.fromEntries(
      specs.map(({ name, classes }) => {
        const { data, shape } = outputs[name];
        return [name, { shape, ...(classes ? { classes } : {}), values: [...data] }];
      }),
    ),
  };
}
