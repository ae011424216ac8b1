// Resizing as Pillow, TensorFlow and OpenCV do it, bit by bit; edge_deploy/data/preprocessing/resize.py is the same in
// Python. Pixels are {data: Uint8Array | Float32Array, height, width}, three channels a pixel.

const f32 = Math.fround;

/** Bits behind the point of Pillow's 8-bit filter weights. */
const BITS = 22;

const FILTERS = {
  box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  hamming: [1, hamming],
  bicubic: [2, bicubic],
  lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

/**
 * Resize a picture.
 * @param {string} method a resize of the preprocessing spec
 * @param {boolean} centerCrop first cut the largest centred part with the wanted aspect
 */
export function resize(picture, [height, width], method, centerCrop) {
  const other = { 'tf-bilinear': tfBilinear, 'tf-nearest': tfNearest, 'cv2-linear': cv2Linear }[method];
  if (other) return other(centerCrop ? smartCrop(picture, height, width) : picture, height, width);
  const box = centerCrop ? fitBox(picture, height, width) : [0, 0, picture.width, picture.height];
  const [left, top, right, bottom] = box;
  const whole = left % 1 === 0 && top % 1 === 0;
  if (whole && right - left === width && bottom - top === height) {
    return crop(picture, top, left, height, width);
  }
  if (method === 'nearest') return nearest(picture, height, width, box);
  return resample(picture, height, width, box, ...FILTERS[method]);
}

/** The box of PIL.ImageOps.fit, in the 32-bit floats that Pillow's resize takes. */
function fitBox({ height, width }, wantedHeight, wantedWidth) {
  const ratio = width / height;
  const wanted = wantedWidth / wantedHeight;
  const boxWidth = ratio > wanted ? wanted * height : width;
  const boxHeight = ratio < wanted ? width / wanted : height;
  const left = (width - boxWidth) * 0.5;
  const top = (height - boxHeight) * 0.5;
  return [left, top, left + boxWidth, top + boxHeight].map(f32);
}

/** The whole pixels of keras.utils.image smart_resize. */
function smartCrop(picture, wantedHeight, wantedWidth) {
  const { height, width } = picture;
  const newHeight = Math.max(1, Math.min(height, Math.trunc((width * wantedHeight) / wantedWidth)));
  const newWidth = Math.max(1, Math.min(width, Math.trunc((height * wantedWidth) / wantedHeight)));
  const top = Math.trunc((height - newHeight) / 2);
  return crop(picture, top, Math.trunc((width - newWidth) / 2), newHeight, newWidth);
}

function crop({ data, width: stride }, top, left, height, width) {
  const out = new data.constructor(height * width * 3);
  for (let y = 0; y < height; y += 1) {
    const from = ((top + y) * stride + left) * 3;
    out.set(data.subarray(from, from + width * 3), y * width * 3);
  }
  return { data: out, height, width };
}

function take({ data, width: stride }, rows, columns) {
  const [height, width] = [rows.length, columns.length];
  const out = new data.constructor(height * width * 3);
  let at = 0;
  for (const y of rows) {
    for (const x of columns) {
      const from = (y * stride + x) * 3;
      // Pillow leaves black what its sum of steps carries past the edge.
      for (let c = 0; c < 3; c += 1) out[at + c] = y < 0 || x < 0 ? 0 : data[from + c];
      at += 3;
    }
  }
  return { data: out, height, width };
}

/** Pillow's nearest: a sum of steps in double, cut off. */
function nearest(picture, height, width, [left, top, right, bottom]) {
  const places = (start, end, size, limit) => {
    const step = f32(end - start) / size;
    let place = start + step * 0.5;
    return Array.from({ length: size }, () => {
      const index = place < 0 ? -1 : Math.trunc(place);
      place += step;
      return index < limit ? index : -1;
    });
  };
  const columns = places(left, right, width, picture.width);
  return take(picture, places(top, bottom, height, picture.height), columns);
}

/** Pillow's filters, in 8-bit fixed point, along one axis and then along the other. */
function resample(picture, height, width, [left, top, right, bottom], support, filter) {
  const steps = [];
  if (width !== picture.width || left || right !== width) {
    const columns = coefficients(picture.width, left, right, width, support, filter);
    steps.push((pixels) => across(pixels, columns));
  }
  if (height !== picture.height || top || bottom !== height) {
    const rows = coefficients(picture.height, top, bottom, height, support, filter);
    steps.push((pixels) => down(pixels, rows));
  }
  // Which comes first changes the rounding; this is the choice of Pillow 13.
  const shrinks = picture.height - height;
  if (shrinks > 0 && 2 * (picture.width - width) < shrinks) steps.reverse();
  return steps.reduce((pixels, step) => step(pixels), picture);
}

function coefficients(size, start, end, wanted, support, filter) {
  const scale = f32(end - start) / wanted;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  return Array.from({ length: wanted }, (_, n) => {
    const center = start + (n + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const count = Math.min(size, Math.trunc(center + reach + 0.5)) - first;
    const weights = new Float64Array(count);
    let sum = 0;
    for (let x = 0; x < count; x += 1) {
      weights[x] = filter((x + first - center + 0.5) * (1 / stretch));
      sum += weights[x];
    }
    return {
      first,
      weights: weights.map((weight) => {
        const share = sum === 0 ? weight : weight / sum;
        return Math.trunc(share * 2 ** BITS + (share < 0 ? -0.5 : 0.5));
      }),
    };
  });
}

function clip8(sum) {
  const value = sum >> BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

function across({ data, height, width: stride }, columns) {
  const width = columns.length;
  const out = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y += 1) {
    columns.forEach(({ first, weights }, x) => {
      for (let c = 0; c < 3; c += 1) {
        let sum = 2 ** (BITS - 1);
        let from = (y * stride + first) * 3 + c;
        for (let k = 0; k < weights.length; k += 1, from += 3) sum += data[from] * weights[k];
        out[(y * width + x) * 3 + c] = clip8(sum);
      }
    });
  }
  return { data: out, height, width };
}

function down({ data, width }, rows) {
  const out = new Uint8Array(rows.length * width * 3);
  rows.forEach(({ first, weights }, y) => {
    for (let x = 0; x < width * 3; x += 1) {
      let sum = 2 ** (BITS - 1);
      let from = first * width * 3 + x;
      for (let k = 0; k < weights.length; k += 1, from += width * 3) sum += data[from] * weights[k];
      out[y * width * 3 + x] = clip8(sum);
    }
  });
  return { data: out, height: rows.length, width };
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

function hamming(x) {
  const place = Math.abs(x);
  if (place === 0) return 1;
  if (place >= 1) return 0;
  // Pillow's constants are 32-bit floats.
  return sinc(place) * (f32(0.54) + f32(0.46) * Math.cos(place * Math.PI));
}

function bicubic(x) {
  const a = -0.5;
  const place = Math.abs(x);
  if (place < 1) return ((a + 2) * place - (a + 3)) * place * place + 1;
  return place < 2 ? (((place - 5) * place + 8) * place - 4) * a : 0;
}

/** The middle of each wanted pixel on the old axis, as TensorFlow's float32 has it. */
function centers(size, old) {
  const scale = f32(old / size);
  return Array.from({ length: size }, (_, n) => f32((n + 0.5) * scale));
}

function tfNearest(picture, height, width) {
  const places = (size, old) => centers(size, old).map((c) => Math.min(Math.floor(c), old - 1));
  return take(picture, places(height, picture.height), places(width, picture.width));
}

function tfBilinear({ data, height: oldHeight, width: oldWidth }, height, width) {
  if (height === oldHeight && width === oldWidth) {
    return { data: Float32Array.from(data), height, width };
  }
  const rows = lerps(height, oldHeight);
  const columns = lerps(width, oldWidth);
  const out = new Float32Array(height * width * 3);
  let at = 0;
  const mix = (a, b, share) => f32(a + f32(f32(b - a) * share));
  for (const row of rows) {
    for (const column of columns) {
      for (let c = 0; c < 3; c += 1) {
        const pixel = (y, x) => data[(y * oldWidth + x) * 3 + c];
        const upper = mix(pixel(row.low, column.low), pixel(row.low, column.high), column.share);
        const lower = mix(pixel(row.high, column.low), pixel(row.high, column.high), column.share);
        out[at] = mix(upper, lower, row.share);
        at += 1;
      }
    }
  }
  return { data: out, height, width };
}

function lerps(size, old) {
  return centers(size, old).map((center) => {
    const place = f32(center - 0.5);
    const floor = Math.floor(place);
    const high = Math.min(Math.ceil(place), old - 1);
    return { low: Math.max(floor, 0), high, share: f32(place - floor) };
  });
}

/** OpenCV's INTER_LINEAR of bytes, in whole numbers; a half of both sides is its INTER_AREA. */
function cv2Linear({ data, height: oldHeight, width: oldWidth }, height, width) {
  const out = new Uint8Array(height * width * 3);
  const pixel = (y, x, c) => data[(y * oldWidth + x) * 3 + c];
  const half = oldHeight === 2 * height && oldWidth === 2 * width;
  const columns = half ? null : cv2Weights(width, oldWidth);
  const rows = half ? null : cv2Weights(height, oldHeight);
  const line = (y, { first, low, high, a, b }, c) => {
    const inside = first >= 0 && first < oldWidth - 1; // beyond an edge, all of its weight is the edge's
    return (pixel(y, low, c) * (inside ? a : 2048) + pixel(y, high, c) * (inside ? b : 0)) >> 4;
  };
  let at = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (let c = 0; c < 3; c += 1) {
        if (half) {
          const upper = pixel(2 * y, 2 * x, c) + pixel(2 * y, 2 * x + 1, c);
          const lower = pixel(2 * y + 1, 2 * x, c) + pixel(2 * y + 1, 2 * x + 1, c);
          out[at] = (upper + lower + 2) >> 2;
        } else {
          const { low, high, a, b } = rows[y];
          const upper = (line(low, columns[x], c) * a) >> 16;
          const lower = (line(high, columns[x], c) * b) >> 16;
          out[at] = (upper + lower + 2) >> 2;
        }
        at += 1;
      }
    }
  }
  return { data: out, height, width };
}

/** The two old pixels of each wanted one, and their weights, of 2048 parts. */
function cv2Weights(size, old) {
  const scale = 1 / (size / old);
  const within = (place) => Math.min(Math.max(place, 0), old - 1);
  return Array.from({ length: size }, (_, n) => {
    const place = f32((n + 0.5) * scale - 0.5);
    const first = Math.floor(place);
    const share = f32(place - first);
    const [a, b] = [f32(1 - share), share].map((part) => halfEven(part * 2048));
    return { first, low: within(first), high: within(first + 1), a, b };
  });
}

/** The nearest whole number; of two the even one. */
function halfEven(value) {
  const near = Math.floor(value + 0.5);
  return near - value === 0.5 && near % 2 ? near - 1 : near;
}
