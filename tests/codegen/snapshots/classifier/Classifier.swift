// classifier, version 1: rows of 7 columns in, 2 classes out.
//
// Podfile (there is no Swift package of it by Google):
//   pod 'TensorFlowLiteSwift', '~> 2.17.0'
// Add classifier_float32.tflite to the app's target as a resource.
// classifier_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
// Made by edge-deploy 0.1.0.
import Foundation
import TensorFlowLite

let labels = ["cat", "dog \"$x\""]

enum SnippetError: Error {
    case unreadable
    case missing(String)
    case unknown(String)
}

/// The model; it may be asked many times, by one thread at a time.
final class Classifier {
    private let interpreter: Interpreter

    /// - Parameter path: Where the model lies; by default in the app's bundle.
    init(path: String? = nil) throws {
        let bundled = Bundle(for: Classifier.self).path(forResource: "classifier_float32", ofType: "tflite")
        guard let path = path ?? bundled else { throw SnippetError.missing("classifier_float32.tflite") }
        interpreter = try Interpreter(modelPath: path)
        try interpreter.allocateTensors()
    }

    /// Tensors in and out: takes features float32 1 x 10;
    /// gives class int32 1, probabilities float32 1 x 2, flat, by name.
    func run(_ features: [Float]) throws -> [String: [Float]] {
        try interpreter.copy(bytes(features), toInputAt: 0)
        try interpreter.invoke()
        return [
            "class": cells(try interpreter.output(at: 0).data, Int32.self).map { Float($0) },
            "probabilities": cells(try interpreter.output(at: 1).data, Float.self),
        ]
    }

    /// Each label's share, the largest first.
    func predict(_ row: [String: Any]) throws -> [(label: String, share: Float)] {
        let values = try run(try encode(row))["probabilities"]!
        return zip(labels, values).map { (label: $0, share: $1) }.sorted { $0.share > $1.share }
    }
}

private func bytes<T>(_ values: [T]) -> Data { values.withUnsafeBufferPointer { Data(buffer: $0) } }

private func cells<T>(_ data: Data, _ type: T.Type) -> [T] {
    data.withUnsafeBytes { Array($0.bindMemory(to: type)) }
}

/// A row as the model takes it, such as
/// ["age": 40.0, "weight": 81.25, "height": 1.8, "sex": "m", "job": "b", "size": "M", "town": "y \"2\""]
func encode(_ row: [String: Any]) throws -> [Float] {
    var values = try number(row, "age")  // years, 18 to 64
    values += try number(row, "weight", 70.5)  // may be missing
    values += try number(row, "height", .nan)  // may be missing
    values += oneHot(try index(row, "sex", ["f", "m"]), 2)
    values += oneHot(try index(row, "job", ["a", "b"], unknown: -1), 2)
    values += ordinal(try index(row, "size", ["S", "M"], missing: 2, unknown: 1))  // may be missing
    values += oneHot(try index(row, "town", ["x $1", "y \"2\""], missing: 0), 2)  // may be missing
    return values
}

private func number(_ row: [String: Any], _ name: String, _ missing: Float? = nil) throws -> [Float] {
    if let value = row[name] as? NSNumber { return [value.floatValue] }
    guard let missing = missing else { throw SnippetError.missing(name) }
    return [missing]
}

/// The place of a category; `missing` and `unknown` are places, nil is an error. Blanks around it do
/// not count, nor does its case where one fits.
private func index(
    _ row: [String: Any], _ name: String, _ names: [String], missing: Int? = nil,
    unknown: Int? = nil
) throws -> Int {
    guard let value = row[name] as? String else {
        guard let missing = missing else { throw SnippetError.missing(name) }
        return missing
    }
    let text = value.trimmingCharacters(in: .whitespacesAndNewlines)
    let plain = names.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
    let place = names.firstIndex(of: value) ?? names.firstIndex(of: text) ?? plain.firstIndex(of: text)
    if let place = place ?? unknown { return place }
    let alike = plain.indices.filter { plain[$0].lowercased() == text.lowercased() }
    guard alike.count == 1 else { throw SnippetError.unknown(value) }
    return alike[0]
}

private func ordinal(_ place: Int) -> [Float] { [Float(place)] }

private func oneHot(_ place: Int, _ count: Int) -> [Float] {
    (0..<count).map { $0 == place ? 1 : 0 }
}
