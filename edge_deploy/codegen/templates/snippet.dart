//# head
// @headline@
//
// pubspec.yaml:
@pubspec@
// @needs@
// Made by edge-deploy @version@.
@imports@
@constants@

//# decode
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

//# class
/// The model; it may be asked many times, in one isolate.
class @type@ {
  @type@(this._interpreter) {
    _interpreter.allocateTensors();
  }

  final Interpreter _interpreter;

  static Future<@type@> load() async =>
      @type@(await Interpreter.fromAsset(@asset@));

  /// Tensors in and out: takes @takes@;
  /// gives @gives@, flat, by name.
  Map<String, List<double>> run(@parameters@) {
@feeds@
    _interpreter.invoke();
    return {
@reads@
    };
  }

@predict@

  void close() => _interpreter.close();
}

Uint8List _bytes(TypedData values) => values.buffer.asUint8List();

/// A copy of a tensor's bytes, which need not lie where wider numbers may.
ByteBuffer _output(Interpreter interpreter, int index) =>
    Uint8List.fromList(interpreter.getOutputTensor(index).data).buffer;

//# quantize
/// Real numbers as the integers that stand for them: real = (integer - zero) * scale.
List<int> _quantize(List<double> values, double scale, int zero, int low, int high) =>
    values.map((value) {
      final place = _f32(_f32(value) / scale);
      final tie = place - place.floor() == 0.5;
      final near = tie ? 2 * (place / 2).round() : place.round();
      return (near + zero).clamp(low, high);
    }).toList();

//# test
// Golden answers of @name@: flutter test integration_test
import 'package:flutter/services.dart';
import 'package:flutter_test/flutter_test.dart';
import 'package:integration_test/integration_test.dart';

import 'package:your_app/@file@';

void check(Map<String, List<double>> answers, String name, List<double> expected) {
  final scale = expected.fold(1e-6, (double a, double b) => b.abs() > a ? b.abs() : a);
  for (var n = 0; n < expected.length; n++) {
    expect(answers[name]![n], closeTo(expected[n], 1e-4 * scale), reason: '$name[$n]');
  }
}

Future<@kind@> open(String name) async {
  final data = await rootBundle.load('assets/$name');
  return data.buffer.@as@(data.offsetInBytes@divided@);
}

void main() {
  IntegrationTestWidgetsFlutterBinding.ensureInitialized();

@cases@
}

//# f32
/// A number rounded to float32, which Dart computes in float64.
double _f32(double value) => (Float32List(1)..[0] = value)[0];

//# helper number
List<double> _number(Map<String, Object?> row, String name, [double? missing]) {
  final value = (row[name] as num?)?.toDouble() ?? missing;
  if (value == null) throw ArgumentError('$name is missing');
  return [value];
}

//# helper index
/// The place of a category; [missing] and [unknown] are places, null is an error.
int _index(Map<String, Object?> row, String name, List<String> names,
    {int? missing, int? unknown}) {
  final value = row[name];
  final place = names.indexWhere((known) => known == value);
  final found = place >= 0 ? place : (value == null ? missing : unknown);
  if (found == null) throw ArgumentError('$name is $value; it must be one of $names');
  return found;
}

//# helper ordinal
List<double> _ordinal(int place) => [place.toDouble()];

//# helper one_hot
List<double> _oneHot(int place, int count) =>
    List.generate(count, (n) => n == place ? 1.0 : 0.0);
