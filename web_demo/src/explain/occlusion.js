// Which parts of a picture an answer depends on: each in turn is blurred, and the model asked again.
// After M. Zeiler and R. Fergus, Visualizing and understanding convolutional networks, 2014, with
// blurred instead of grey windows, which are nearer to what a model has seen.

const COARSE = [4, 7];
const FINE = [14, 12, 10];
const EACH = 250; // milliseconds between two pictures of an unfinished grid
const BUDGET = 9000; // milliseconds for all; a finer grid than it allows is left out

/**
 * The map, from coarse to fine.
 * @param {(values: Float32Array) => Promise<number>} ask what is measured, of a picture
 * @param {Float32Array} values the model's input
 * @param {{height: number, width: number, channels: number}} size of it
 * @param {{level: Function, partial: Function, progress: Function, stopped: () => boolean}} tell
 *   level({grid: [rows, columns], changes: Float32Array}) for each finished grid: how far the measure
 *   falls where a window of two cells' width around a cell's middle is blurred; partial() is told the
 *   same of an unfinished one, whose cells are still those of the coarser grid
 */
export async function occlusion(ask, values, size, tell) {
  const { height, width } = size;
  const started = performance.now();
  const blurred = blur(values, size, Math.max(1, Math.round(Math.max(height, width) / 8)));
  const whole = await ask(values.slice());
  let asked = 0;
  let total = COARSE.reduce((sum, grid) => sum + grid ** 2, 0);
  const cellsOf = (grid) => [Math.min(grid, height), Math.min(grid, width)];

  let before = null; // the grid that was finished last
  let drawn = started;

  async function level([rows, columns]) {
    const changes = before ? finer(before, [rows, columns]) : new Float32Array(rows * columns);
    const covered = (n) => {
      const [y, x] = [Math.floor(n / columns), n % columns];
      return patched(values, blurred, size, {
        top: Math.round(((y - 0.5) * height) / rows), bottom: Math.round(((y + 1.5) * height) / rows),
        left: Math.round(((x - 0.5) * width) / columns), right: Math.round(((x + 1.5) * width) / columns),
      });
    };
    let next = covered(0);
    for (let n = 0; n < changes.length; n += 1) {
      const answer = ask(next);
      if (n + 1 < changes.length) next = covered(n + 1); // while the model computes
      changes[n] = whole - (await answer);
      if (tell.stopped()) return false;
      asked += 1;
      tell.progress(asked, total);
      if (performance.now() - drawn < EACH) continue;
      drawn = performance.now();
      tell.partial({ grid: [rows, columns], changes });
    }
    before = { grid: [rows, columns], changes };
    tell.level(before);
    return true;
  }

  for (const grid of COARSE) {
    if (!(await level(cellsOf(grid)))) return;
    const spent = performance.now() - started;
    if (grid === COARSE[0] && spent + (COARSE[1] ** 2 * spent) / asked > 2 * BUDGET) return;
  }
  const spent = performance.now() - started;
  const fine = FINE.find((grid) => spent + (grid ** 2 * spent) / asked <= BUDGET);
  if (!fine || Math.max(height, width) <= COARSE[1]) return;
  const cells = cellsOf(fine);
  total = asked + cells[0] * cells[1];
  await level(cells);
}

/** A grid's cells in those of a finer one. */
function finer({ grid: [high, wide], changes }, [rows, columns]) {
  return Float32Array.from({ length: rows * columns }, (_, n) => {
    const [y, x] = [Math.floor(n / columns), n % columns];
    return changes[Math.floor(((y + 0.5) * high) / rows) * wide + Math.floor(((x + 0.5) * wide) / columns)];
  });
}

function patched(values, blurred, { height, width, channels }, { top, bottom, left, right }) {
  const made = values.slice();
  const [from, to] = [Math.max(0, left) * channels, Math.min(width, right) * channels];
  for (let y = Math.max(0, top); y < Math.min(height, bottom); y += 1) {
    const line = y * width * channels;
    made.set(blurred.subarray(line + from, line + to), line + from);
  }
  return made;
}

/** Two box blurs in each direction, which are near to a Gaussian; what lies outside is not counted. */
export function blur(values, { height, width, channels }, radius) {
  let from = values;
  for (let pass = 0; pass < 2; pass += 1) {
    from = box(from, height, width * channels, channels, width, radius);
    from = box(from, width, channels, width * channels, height, radius);
  }
  return from;
}

/** A box blur along one axis: `lines` apart by `line`, in each `count` values apart by `step`. */
function box(values, lines, line, step, count, radius) {
  const channels = Math.min(line, step);
  const made = new Float32Array(values.length);
  for (let n = 0; n < lines; n += 1) {
    for (let c = 0; c < channels; c += 1) {
      const start = n * line + c;
      let sum = 0;
      let inside = 0;
      for (let at = -radius; at < count; at += 1) {
        if (at + radius < count) [sum, inside] = [sum + values[start + (at + radius) * step], inside + 1];
        if (at - radius > 0) [sum, inside] = [sum - values[start + (at - radius - 1) * step], inside - 1];
        if (at >= 0) made[start + at * step] = sum / inside;
      }
    }
  }
  return made;
}
