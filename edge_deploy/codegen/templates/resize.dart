//# picture
/// Three bytes a pixel: red, green, blue.
class Picture {
  Picture(this.height, this.width, this.rgb);
  final int height;
  final int width;
  final Uint8List rgb;
}

//# filter box
const _support = 0.5;

double _filter(double x) => x > -0.5 && x <= 0.5 ? 1.0 : 0.0;

//# filter bilinear
const _support = 1.0;

double _filter(double x) => max(0.0, 1.0 - x.abs());

//# filter hamming
const _support = 1.0;

double _filter(double x) {
  final place = x.abs();
  if (place == 0.0) return 1.0;
  if (place >= 1.0) return 0.0;
  final turn = place * pi;
  return sin(turn) / turn * (_f32(0.54) + _f32(0.46) * cos(turn));
}

//# filter bicubic
const _support = 2.0;

double _filter(double x) {
  const a = -0.5;
  final place = x.abs();
  if (place < 1.0) return ((a + 2) * place - (a + 3)) * place * place + 1;
  return place < 2.0 ? (((place - 5) * place + 8) * place - 4) * a : 0.0;
}

//# filter lanczos
const _support = 3.0;

double _sinc(double x) => x == 0.0 ? 1.0 : sin(x * pi) / (x * pi);

double _filter(double x) => x >= -3 && x < 3 ? _sinc(x) * _sinc(x / 3) : 0.0;

//# box whole
/// The part that is resized: left, top, right, bottom.
List<double> _box(Picture picture) =>
    [0.0, 0.0, picture.width.toDouble(), picture.height.toDouble()];

//# box center
/// The largest centred part with the wanted aspect: left, top, right, bottom.
List<double> _box(Picture picture) {
  final height = picture.height, width = picture.width;
  final ratio = width / height, wanted = _width / _height;
  final boxWidth = ratio > wanted ? wanted * height : width.toDouble();
  final boxHeight = ratio < wanted ? width / wanted : height.toDouble();
  final left = (width - boxWidth) * 0.5, top = (height - boxHeight) * 0.5;
  return [left, top, left + boxWidth, top + boxHeight].map(_f32).toList();
}

//# pillow
class _Taps {
  _Taps(this.first, this.weights);
  final int first;
  final List<int> weights;
}

/// What each wanted pixel of an axis takes of the old ones, with 22 bits behind the point.
List<_Taps> _taps(int old, double start, double end, int size) {
  final scale = _f32(end - start) / size;
  final stretch = max(scale, 1.0);
  final reach = _support * stretch;
  return List.generate(size, (n) {
    final center = start + (n + 0.5) * scale;
    final first = max(0, (center - reach + 0.5).truncate());
    final count = min(old, (center + reach + 0.5).truncate()) - first;
    final raw = List.generate(count, (x) => _filter((x + first - center + 0.5) * (1 / stretch)));
    final sum = raw.fold(0.0, (double a, double b) => a + b);
    final weights = raw.map((weight) {
      final share = sum == 0.0 ? weight : weight / sum;
      return (share * (1 << 22) + (share < 0 ? -0.5 : 0.5)).truncate();
    });
    return _Taps(first, weights.toList());
  });
}

int _clip8(int sum) => (sum >> 22).clamp(0, 255);

Picture _across(Picture picture, List<_Taps> columns) {
  final width = columns.length;
  final out = Uint8List(picture.height * width * 3);
  for (var y = 0; y < picture.height; y++) {
    for (var x = 0; x < width; x++) {
      final tap = columns[x];
      for (var c = 0; c < 3; c++) {
        var sum = 1 << 21;
        final from = (y * picture.width + tap.first) * 3 + c;
        for (var k = 0; k < tap.weights.length; k++) {
          sum += picture.rgb[from + k * 3] * tap.weights[k];
        }
        out[(y * width + x) * 3 + c] = _clip8(sum);
      }
    }
  }
  return Picture(picture.height, width, out);
}

Picture _down(Picture picture, List<_Taps> rows) {
  final stride = picture.width * 3;
  final out = Uint8List(rows.length * stride);
  for (var y = 0; y < rows.length; y++) {
    final tap = rows[y];
    for (var x = 0; x < stride; x++) {
      var sum = 1 << 21;
      for (var k = 0; k < tap.weights.length; k++) {
        sum += picture.rgb[(tap.first + k) * stride + x] * tap.weights[k];
      }
      out[y * stride + x] = _clip8(sum);
    }
  }
  return Picture(rows.length, picture.width, out);
}

/// Pillow's @method@, bit for bit; package:image gives other pixels.
Picture _resize(Picture picture) {
  final part = _box(picture);
  final columns = _taps(picture.width, part[0], part[2], _width);
  final rows = _taps(picture.height, part[1], part[3], _height);
  final shrinks = picture.height - _height;
  // Which axis comes first changes the rounding; this is the choice of Pillow 13.
  if (shrinks > 0 && 2 * (picture.width - _width) < shrinks) {
    return _across(_down(picture, rows), columns);
  }
  return _down(_across(picture, columns), rows);
}

//# nearest
List<int> _places(double start, double end, int size, int old) {
  final step = _f32(end - start) / size;
  var place = start + step * 0.5;
  return List.generate(size, (_) {
    final index = place < 0 ? -1 : place.truncate();
    place += step;
    return index < old ? index : -1;
  });
}

/// Pillow's nearest, pixel for pixel: a sum of steps, cut off.
Picture _resize(Picture picture) {
  final part = _box(picture);
  final columns = _places(part[0], part[2], _width, picture.width);
  final rows = _places(part[1], part[3], _height, picture.height);
  final out = Uint8List(_height * _width * 3);
  var at = 0;
  for (final y in rows) {
    for (final x in columns) {
      for (var c = 0; c < 3; c++) {
        out[at++] = y < 0 || x < 0 ? 0 : picture.rgb[(y * picture.width + x) * 3 + c];
      }
    }
  }
  return Picture(_height, _width, out);
}

//# smart crop
/// The largest centred part of whole pixels with the wanted aspect, as Keras' smart_resize.
Picture _cropped(Picture picture) {
  final height = max(1, min(picture.height, picture.width * _height ~/ _width));
  final width = max(1, min(picture.width, picture.height * _width ~/ _height));
  final top = (picture.height - height) ~/ 2, left = (picture.width - width) ~/ 2;
  final out = Uint8List(height * width * 3);
  for (var y = 0; y < height; y++) {
    final from = ((top + y) * picture.width + left) * 3;
    out.setRange(y * width * 3, (y + 1) * width * 3, picture.rgb, from);
  }
  return Picture(height, width, out);
}

//# tf-nearest
List<int> _places(int size, int old) {
  final scale = _f32(old / size);
  return List.generate(size, (n) => min(_f32((n + 0.5) * scale).floor(), old - 1));
}

/// TensorFlow's nearest, pixel for pixel.
Picture _resize(Picture picture) {
  final columns = _places(_width, picture.width);
  final out = Uint8List(_height * _width * 3);
  var at = 0;
  for (final y in _places(_height, picture.height)) {
    for (final x in columns) {
      for (var c = 0; c < 3; c++) {
        out[at++] = picture.rgb[(y * picture.width + x) * 3 + c];
      }
    }
  }
  return Picture(_height, _width, out);
}

//# tf-bilinear
class _Between {
  _Between(this.low, this.high, this.share);
  final int low;
  final int high;
  final double share;
}

List<_Between> _between(int size, int old) {
  final scale = _f32(old / size);
  return List.generate(size, (n) {
    final place = _f32(_f32((n + 0.5) * scale) - 0.5);
    final floor = place.floor();
    return _Between(max(floor, 0), min(place.ceil(), old - 1), _f32(place - floor));
  });
}

double _mix(num a, num b, double share) => _f32(a + _f32(_f32((b - a).toDouble()) * share));

/// TensorFlow's bilinear without antialiasing, bit for bit: three floats a pixel.
Float32List _resize(Picture picture) {
  if (picture.height == _height && picture.width == _width) {
    return Float32List.fromList(picture.rgb.map((value) => value.toDouble()).toList());
  }
  final columns = _between(_width, picture.width);
  final out = Float32List(_height * _width * 3);
  var at = 0;
  for (final y in _between(_height, picture.height)) {
    for (final x in columns) {
      for (var c = 0; c < 3; c++) {
        int pixel(int row, int column) => picture.rgb[(row * picture.width + column) * 3 + c];
        final upper = _mix(pixel(y.low, x.low), pixel(y.low, x.high), x.share);
        final lower = _mix(pixel(y.high, x.low), pixel(y.high, x.high), x.share);
        out[at++] = _mix(upper, lower, y.share);
      }
    }
  }
  return out;
}
