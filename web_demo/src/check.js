// Is what this device computes what the original computed?

/** A float32 file may differ from the original by this share of the output's scale. */
export const TOLERANCE = 1e-4;

/**
 * Run the packaged samples and compare with what the original answered.
 * @param model what open() gave
 * @param {Array<{inputs: object, outputs: object}>} samples
 * @param {Array} specs the outputs, as in the manifest
 * @param {boolean} strict whether the file keeps every bit of the weights, so that it must agree
 * @returns {Promise<{samples: number, worst: number, output: string, pass: boolean,
 *   maxAbsError: number}>} worst is the largest error as a share of the output's scale
 */
export async function selfCheck(model, samples, specs, strict = true) {
  const error = Object.fromEntries(specs.map(({ name }) => [name, 0]));
  const scale = Object.fromEntries(specs.map(({ name }) => [name, 1e-6]));
  for (const sample of samples) {
    const answer = await model.predict(sample.inputs);
    for (const { name, kind } of specs) {
      const mine = answer[name].data;
      const original = sample.outputs[name].data;
      if (mine.length !== original.length) error[name] = Infinity;
      for (let n = 0; n < original.length; n += 1) {
        const difference = Math.abs(mine[n] - original[n]);
        // A class is right or wrong; NaN is wrong unless the original says so too.
        if (kind === 'class' && difference) error[name] = Infinity;
        if (Number.isNaN(difference)) {
          if (!Number.isNaN(original[n])) error[name] = Infinity;
          continue;
        }
        error[name] = Math.max(error[name], difference);
        scale[name] = Math.max(scale[name], Math.abs(original[n]));
      }
    }
  }
  const shares = specs.map(({ name }) => ({ output: name, worst: error[name] / scale[name] }));
  const { output, worst } = shares.reduce((a, b) => (b.worst > a.worst ? b : a));
  const pass = samples.length > 0 && (strict ? worst <= TOLERANCE : Number.isFinite(worst));
  const maxAbsError = Math.max(...Object.values(error));
  return { samples: samples.length, worst, output, pass, maxAbsError };
}
