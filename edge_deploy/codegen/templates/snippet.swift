//# head
// @headline@
//
// Podfile (there is no Swift package of it by Google):
//   @install@
// Add @model@ to the app's target as a resource.
// @needs@
// Made by edge-deploy @version@.
@imports@
@constants@

//# decode
/// A picture file's pixels, turned as its EXIF says, on white; its colour profile is not applied.
func decode(_ data: Data) throws -> Picture {
    guard let source = CGImageSourceCreateWithData(data as CFData, nil),
        let given = CGImageSourceCreateImageAtIndex(source, 0, nil)
    else { throw SnippetError.unreadable }
    let keys = CGImageSourceCopyPropertiesAtIndex(source, 0, nil) as? [CFString: Any]
    let turn = keys?[kCGImagePropertyOrientation] as? Int ?? 1
    let device = CGColorSpaceCreateDeviceRGB()
    let plain = given.colorSpace?.model == .rgb ? given.copy(colorSpace: device) ?? given : given
    let (height, width) = (plain.height, plain.width)
    var cells = [UInt8](repeating: 255, count: height * width * 4)
    let info = CGImageAlphaInfo.noneSkipLast.rawValue
    cells.withUnsafeMutableBytes { memory in
        let context = CGContext(
            data: memory.baseAddress, width: width, height: height, bitsPerComponent: 8,
            bytesPerRow: width * 4, space: device, bitmapInfo: info)
        context?.draw(plain, in: CGRect(x: 0, y: 0, width: width, height: height))
    }
    // Where the upright picture's pixel (y, x) lies in the stored one.
    let last = (y: height - 1, x: width - 1)
    func place(_ y: Int, _ x: Int) -> (y: Int, x: Int) {
        switch turn {
        case 2: return (y, last.x - x)
        case 3: return (last.y - y, last.x - x)
        case 4: return (last.y - y, x)
        case 5: return (x, y)
        case 6: return (last.y - x, y)
        case 7: return (last.y - x, last.x - y)
        case 8: return (x, last.x - y)
        default: return (y, x)
        }
    }
    let (tall, wide) = turn > 4 ? (width, height) : (height, width)
    var rgb = [UInt8]()
    rgb.reserveCapacity(tall * wide * 3)
    for y in 0..<tall {
        for x in 0..<wide {
            let from = place(y, x)
            let at = (from.y * width + from.x) * 4
            rgb += cells[at..<(at + 3)]
        }
    }
    return Picture(height: tall, width: wide, rgb: rgb)
}

//# class
enum SnippetError: Error {
    case unreadable
    case missing(String)
    case unknown(String)
}

/// The model; it may be asked many times, by one thread at a time.
final class @type@ {
    private let interpreter: Interpreter

    /// - Parameter path: Where the model lies; by default in the app's bundle.
    init(path: String? = nil) throws {
        let bundled = Bundle(for: @type@.self).path(forResource: @stem@, ofType: "tflite")
        guard let path = path ?? bundled else { throw SnippetError.missing(@model@) }
        interpreter = try Interpreter(modelPath: path)
        try interpreter.allocateTensors()
    }

    /// Tensors in and out: takes @takes@;
    /// gives @gives@, flat, by name.
    func run(@parameters@) throws -> [String: [Float]] {
@feeds@
        try interpreter.invoke()
        return [
@reads@
        ]
    }

@predict@
}

private func bytes<T>(_ values: [T]) -> Data { values.withUnsafeBufferPointer { Data(buffer: $0) } }

private func cells<T>(_ data: Data, _ type: T.Type) -> [T] {
    data.withUnsafeBytes { Array($0.bindMemory(to: type)) }
}

//# quantize
/// Real numbers as the integers that stand for them: real = (integer - zero) * scale.
private func quantize<T: FixedWidthInteger>(
    _ values: [Float], _ scale: Float, _ zero: Int, _ type: T.Type
) -> [T] {
    values.map { value in
        let place = Int((value / scale).rounded(.toNearestOrEven)) + zero
        return T(min(Int(T.max), max(Int(T.min), place)))
    }
}

//# test
// Golden answers of @name@; add this file and golden-* to a unit-test target.
import XCTest

@testable import YourApp

final class @type@Tests: XCTestCase {
@reader@    private func check(_ answers: [String: [Float]], _ name: String, _ expected: [Float]) {
        let scale = max(1e-6, expected.map { abs($0) }.max() ?? 0)
        for (n, value) in expected.enumerated() {
            XCTAssertEqual(answers[name]![n], value, accuracy: 1e-4 * scale, "\(name)[\(n)]")
        }
    }

@cases@
}

//# reader
    private func file(_ name: String) throws -> Data {
        let url = Bundle(for: Self.self).url(forResource: name, withExtension: nil)
        return try Data(contentsOf: XCTUnwrap(url, name))
    }

//# floats
    private func open(_ name: String) throws -> [Float] {
        try file(name).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }

//# helper number
private func number(_ row: [String: Any], _ name: String, _ missing: Float? = nil) throws -> [Float] {
    if let value = row[name] as? NSNumber { return [value.floatValue] }
    guard let missing = missing else { throw SnippetError.missing(name) }
    return [missing]
}

//# helper index
/// The place of a category; `missing` and `unknown` are places, nil is an error.
private func index(
    _ row: [String: Any], _ name: String, _ names: [String], missing: Int? = nil,
    unknown: Int? = nil
) throws -> Int {
    guard let value = row[name] as? String else {
        guard let missing = missing else { throw SnippetError.missing(name) }
        return missing
    }
    if let place = names.firstIndex(of: value) { return place }
    guard let unknown = unknown else { throw SnippetError.unknown(value) }
    return unknown
}

//# helper ordinal
private func ordinal(_ place: Int) -> [Float] { [Float(place)] }

//# helper one_hot
private func oneHot(_ place: Int, _ count: Int) -> [Float] {
    (0..<count).map { $0 == place ? 1 : 0 }
}
