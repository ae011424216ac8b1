// Teachable-machine, version 1: pictures (6 x 9 rgb) in, 2 classes out.
//
// pubspec.yaml:
//   dependencies:
//     flutter_litert: ^2.5.2
//     image: ^4.2.0
//   flutter:
//     assets:
//       - assets/Teachable-machine_float32.tflite
// Teachable-machine_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
// Made by edge-deploy 0.1.0.
import 'dart:math';
import 'dart:typed_data';

import 'package:image/image.dart' as img;
import 'package:flutter_litert/flutter_litert.dart';

const labels = ["cat", "dog \"\$x\""];

const _height = 6;
const _width = 9;

/// The model; it may be asked many times, in one isolate.
class TeachableMachine {
  TeachableMachine(this._interpreter) {
    _interpreter.allocateTensors();
  }

  final Interpreter _interpreter;

  static Future<TeachableMachine> load() async =>
      TeachableMachine(await Interpreter.fromAsset("assets/Teachable-machine_float32.tflite"));

  /// Tensors in and out: takes picture float32 1 x 6 x 9 x 3;
  /// gives probabilities float32 1 x 2, flat, by name.
  Map<String, List<double>> run(List<double> picture) {
    _interpreter.getInputTensor(0).data =
        _bytes(Float32List.fromList(picture));
    _interpreter.invoke();
    return {
      "probabilities": _output(_interpreter, 0).asFloat32List(),
    };
  }

  /// Each label's share, the largest first.
  List<MapEntry<String, double>> predict(Picture picture) {
    final values = run(preprocess(picture))["probabilities"]!;
    final shares = values;
    final entries = [
      for (var n = 0; n < labels.length; n++) MapEntry(labels[n], shares[n]),
    ];
    return entries..sort((a, b) => b.value.compareTo(a.value));
  }

  void close() => _interpreter.close();
}

Uint8List _bytes(TypedData values) => values.buffer.asUint8List();

/// A copy of a tensor's bytes, which need not lie where wider numbers may.
ByteBuffer _output(Interpreter interpreter, int index) =>
    Uint8List.fromList(interpreter.getOutputTensor(index).data).buffer;

/// A picture as the model takes it.
Float32List preprocess(Picture picture) {
  final rgb = _resize(picture).rgb;
  final values = Float32List(162);
  for (var from = 0, at = 0; from < rgb.length; from += 3) {
    values[at++] = _f32(_f32(rgb[from].toDouble() * 0.007843137718737125) + (-1.0));
    values[at++] = _f32(_f32(rgb[from + 1].toDouble() * 0.007843137718737125) + (-1.0));
    values[at++] = _f32(_f32(rgb[from + 2].toDouble() * 0.007843137718737125) + (-1.0));
  }
  return values;
}

/// Three bytes a pixel: red, green, blue.
class Picture {
  Picture(this.height, this.width, this.rgb);
  final int height;
  final int width;
  final Uint8List rgb;
}

/// A picture file's pixels, turned as its EXIF says, on white.
Picture decode(Uint8List file) {
  final decoded = img.decodeImage(file);
  if (decoded == null) throw const FormatException('not a picture');
  final upright = img.bakeOrientation(decoded);
  final plain = upright.convert(format: img.Format.uint8, numChannels: 4);
  final cells = plain.getBytes(order: img.ChannelOrder.rgba);
  final rgb = Uint8List(plain.height * plain.width * 3);
  for (var from = 0, at = 0; from < cells.length; from += 4) {
    final alpha = cells[from + 3];
    for (var c = 0; c < 3; c++) {
      final sum = cells[from + c] * alpha + 255 * (255 - alpha) + 128;
      rgb[at++] = (sum + (sum >> 8)) >> 8;
    }
  }
  return Picture(plain.height, plain.width, rgb);
}

const _support = 3.0;

double _sinc(double x) => x == 0.0 ? 1.0 : sin(x * pi) / (x * pi);

double _filter(double x) => x >= -3 && x < 3 ? _sinc(x) * _sinc(x / 3) : 0.0;

/// The largest centred part with the wanted aspect: left, top, right, bottom.
List<double> _box(Picture picture) {
  final height = picture.height, width = picture.width;
  final ratio = width / height, wanted = _width / _height;
  final boxWidth = ratio > wanted ? wanted * height : width.toDouble();
  final boxHeight = ratio < wanted ? width / wanted : height.toDouble();
  final left = (width - boxWidth) * 0.5, top = (height - boxHeight) * 0.5;
  return [left, top, left + boxWidth, top + boxHeight].map(_f32).toList();
}

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

/// Pillow's lanczos, bit for bit; package:image gives other pixels.
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

/// A number rounded to float32, which Dart computes in float64.
double _f32(double value) => (Float32List(1)..[0] = value)[0];
