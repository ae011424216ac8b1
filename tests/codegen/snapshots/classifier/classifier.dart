// classifier, version 1: rows of 7 columns in, 2 classes out.
//
// pubspec.yaml:
//   dependencies:
//     flutter_litert: ^2.5.2
//   flutter:
//     assets:
//       - assets/classifier_float32.tflite
// classifier_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
// Made by edge-deploy 0.1.0.
import 'dart:typed_data';

import 'package:flutter_litert/flutter_litert.dart';

const labels = ["cat", "dog \"\$x\""];

/// The model; it may be asked many times, in one isolate.
class Classifier {
  Classifier(this._interpreter) {
    _interpreter.allocateTensors();
  }

  final Interpreter _interpreter;

  static Future<Classifier> load() async =>
      Classifier(await Interpreter.fromAsset("assets/classifier_float32.tflite"));

  /// Tensors in and out: takes features float32 1 x 10;
  /// gives class int32 1, probabilities float32 1 x 2, flat, by name.
  Map<String, List<double>> run(List<double> features) {
    _interpreter.getInputTensor(0).data =
        _bytes(Float32List.fromList(features));
    _interpreter.invoke();
    return {
      "class": _output(_interpreter, 0).asInt32List().map((n) => n.toDouble()).toList(),
      "probabilities": _output(_interpreter, 1).asFloat32List(),
    };
  }

  /// Each label's share, the largest first.
  List<MapEntry<String, double>> predict(Map<String, Object?> row) {
    final values = run(encode(row))["probabilities"]!;
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

/// A row as the model takes it, such as
/// {"age": 40.0, "weight": 81.25, "height": 1.8, "sex": "m", "job": "b", "size": "M", "town": "y \"2\""}
List<double> encode(Map<String, Object?> row) => [
      ..._number(row, "age"), // years, 18 to 64
      ..._number(row, "weight", 70.5), // may be missing
      ..._number(row, "height", double.nan), // may be missing
      ..._oneHot(_index(row, "sex", ["f", "m"]), 2),
      ..._oneHot(_index(row, "job", ["a", "b"], unknown: -1), 2),
      ..._ordinal(_index(row, "size", ["S", "M"], missing: 2, unknown: 1)), // may be missing
      ..._oneHot(_index(row, "town", ["x \$1", "y \"2\""], missing: 0), 2), // may be missing
    ];

List<double> _number(Map<String, Object?> row, String name, [double? missing]) {
  final value = (row[name] as num?)?.toDouble() ?? missing;
  if (value == null) throw ArgumentError('$name is missing');
  return [value];
}

/// The place of a category; [missing] and [unknown] are places, null is an error. Blanks around it
/// do not count, nor does its case where one fits.
int _index(Map<String, Object?> row, String name, List<String> names,
    {int? missing, int? unknown}) {
  final value = row[name];
  final text = '$value'.trim();
  final plain = [for (final known in names) known.trim()];
  final places = [names.indexWhere((known) => known == value), names.indexOf(text), plain.indexOf(text)];
  final place = places.firstWhere((n) => n >= 0, orElse: () => -2);
  if (value != null && place >= 0) return place;
  final other = value == null ? missing : unknown;
  if (other != null) return other;
  final alike = plain.where((known) => known.toLowerCase() == text.toLowerCase());
  if (value == null || alike.length != 1) {
    throw ArgumentError('$name is $value; it must be one of $names');
  }
  return plain.indexOf(alike.first);
}

List<double> _ordinal(int place) => [place.toDouble()];

List<double> _oneHot(int place, int count) =>
    List.generate(count, (n) => n == place ? 1.0 : 0.0);
