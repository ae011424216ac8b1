// Numbers between the page's 32-bit arrays and what a file takes and gives.

const ARRAYS = {
  float32: Float32Array,
  int32: Int32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  bool: Uint8Array,
  int64: BigInt64Array,
  float64: Float64Array,
};
const LIMITS = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767] };

/**
 * Values in the array that a tensor is made of; real numbers become integers where the tensor is
 * quantized, `integer = round(real / scale) + zero`, halves to even as numpy's rint.
 */
export function toFile(values, { dtype, scale = 0, zero = 0 }) {
  const Kind = ARRAYS[dtype];
  if (!Kind) throw new Error(`the file has a tensor of ${dtype}, which the page does not know`);
  if (dtype === 'int64') return BigInt64Array.from(values, (value) => BigInt(value));
  if (scale && LIMITS[dtype] && values instanceof Float32Array) {
    const [low, high] = LIMITS[dtype];
    return Kind.from(values, (value) => {
      // numpy divides in float32 where the scale is one.
      const integer = toEven(Math.fround(value / scale)) + zero;
      return Math.min(high, Math.max(low, integer));
    });
  }
  return values.constructor === Kind ? values : Kind.from(values, Number);
}

/** A tensor's values as float32, int32 or bytes for booleans: what the page works with. */
export function fromFile(values, { dtype, scale = 0, zero = 0 }) {
  if (dtype === 'bool') return values instanceof Uint8Array ? values : Uint8Array.from(values);
  if (scale && LIMITS[dtype]) {
    const real = Math.fround(scale);
    return Float32Array.from(values, (value) => Math.fround(Math.fround(value - zero) * real));
  }
  if (values instanceof Float32Array || values instanceof Int32Array) return values;
  if (values instanceof Float64Array) return Float32Array.from(values);
  return Int32Array.from(values, Number);
}

function toEven(value) {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}
