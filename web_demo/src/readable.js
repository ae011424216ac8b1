// An answer in the words of its kinds, for programs.

/** {label, probability, classes} of a classifier, {value, unit} of one number. */
export function readable(specs, outputs) {
  const answer = {};
  for (const { name, kind, classes, unit } of specs) {
    const { data } = outputs[name];
    if (kind === 'probabilities' || kind === 'probability') {
      const shares = kind === 'probability' && data.length === 1 ? [1 - data[0], data[0]] : [...data];
      const labels = classes ?? [...shares.keys()].map(String);
      const ranked = shares.map((probability, n) => ({ label: labels[n], probability }));
      answer.classes = ranked.sort((a, b) => b.probability - a.probability);
      Object.assign(answer, answer.classes[0]);
    } else if (kind === 'class') {
      answer.label ??= classes?.[data[0]] ?? String(data[0]);
    } else if (data.length === 1) {
      answer.value = data[0];
      if (unit) answer.unit = unit;
    }
  }
  return answer;
}
