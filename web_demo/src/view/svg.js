// Elements of SVG, and axes with round ends.
const NAMESPACE = 'http://www.w3.org/2000/svg';

/** An element of SVG; attributes by name, for its properties are objects. */
export function svg(tag, attributes, ...children) {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Round ends of an axis, and round values along it. */
export function nice(min, max, wanted) {
  const width = max - min || Math.abs(max) * 0.1 || 1;
  const rough = width / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((one) => one * power >= rough) * power;
  const first = Math.floor((min + (max === min ? -width / 2 : 0)) / step);
  const last = Math.ceil((max + (max === min ? width / 2 : 0)) / step);
  const ticks = Array.from({ length: last - first + 1 }, (_, n) => Number(((first + n) * step).toPrecision(12)));
  return [ticks[0], ticks.at(-1), ticks];
}
