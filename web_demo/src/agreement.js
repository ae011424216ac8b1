// Whether two versions of a model give one answer.

/** Numbers of two versions agree when they differ by no more than this share of the output's scale. */
export const TOLERANCE = 0.01;

/**
 * Whether two versions give one answer: the same class, or numbers that are near to each other.
 * @param {Array} specs the outputs of one, as in its manifest; others those of the other
 * @param {object} whole the scale of each output over the reference
 */
export function agree(specs, outputs, others, answers, whole) {
  const both = specs.filter(({ name }) => others.some((one) => one.name === name) && answers[name]);
  const told = both.some(({ kind }) => /^(class|probabilit)/.test(kind))
    ? both.filter(({ kind }) => /^(class|probabilit)/.test(kind))
    : both;
  return told.length > 0 && told.every((spec) => {
    const other = others.find(({ name }) => name === spec.name);
    const [mine, theirs] = [outputs[spec.name].data, answers[spec.name].data];
    if (/^(class|probabilit)/.test(spec.kind)) return winner(spec, mine) === winner(other, theirs);
    const near = TOLERANCE * (whole[spec.name]?.scale ?? 1);
    return mine.length === theirs.length && mine.every((value, n) => Math.abs(value - theirs[n]) <= near);
  });
}

/** The answer of a classifier, by the name of its class. */
function winner({ kind, classes }, data) {
  let best = Number(data[0]);
  if (kind === 'probability') best = data[0] >= 0.5 ? 1 : 0;
  if (kind === 'probabilities') best = data.reduce((found, value, n) => (value > data[found] ? n : found), 0);
  return classes?.[best] ?? String(best);
}
