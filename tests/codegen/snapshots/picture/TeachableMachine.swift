// Teachable-machine, version 1: pictures (6 x 9 rgb) in, 2 classes out.
//
// Podfile (there is no Swift package of it by Google):
//   pod 'TensorFlowLiteSwift', '~> 2.17.0'
// Add Teachable-machine_float32.tflite to the app's target as a resource.
// Teachable-machine_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
// Made by edge-deploy 0.1.0.
import CoreGraphics
import Foundation
import ImageIO
import TensorFlowLite

let labels = ["cat", "dog \"$x\""]

private let wantedHeight = 6
private let wantedWidth = 9

enum SnippetError: Error {
    case unreadable
    case missing(String)
    case unknown(String)
}

/// The model; it may be asked many times, by one thread at a time.
final class TeachableMachine {
    private let interpreter: Interpreter

    /// - Parameter path: Where the model lies; by default in the app's bundle.
    init(path: String? = nil) throws {
        let bundled = Bundle(for: TeachableMachine.self).path(forResource: "Teachable-machine_float32", ofType: "tflite")
        guard let path = path ?? bundled else { throw SnippetError.missing("Teachable-machine_float32.tflite") }
        interpreter = try Interpreter(modelPath: path)
        try interpreter.allocateTensors()
    }

    /// Tensors in and out: takes picture float32 1 x 6 x 9 x 3;
    /// gives probabilities float32 1 x 2, flat, by name.
    func run(_ picture: [Float]) throws -> [String: [Float]] {
        try interpreter.copy(bytes(picture), toInputAt: 0)
        try interpreter.invoke()
        return [
            "probabilities": cells(try interpreter.output(at: 0).data, Float.self),
        ]
    }

    /// Each label's share, the largest first.
    func predict(_ picture: Picture) throws -> [(label: String, share: Float)] {
        let values = try run(preprocess(picture))["probabilities"]!
        return zip(labels, values).map { (label: $0, share: $1) }.sorted { $0.share > $1.share }
    }
}

private func bytes<T>(_ values: [T]) -> Data { values.withUnsafeBufferPointer { Data(buffer: $0) } }

private func cells<T>(_ data: Data, _ type: T.Type) -> [T] {
    data.withUnsafeBytes { Array($0.bindMemory(to: type)) }
}

/// A picture as the model takes it.
func preprocess(_ picture: Picture) -> [Float] {
    let rgb = resize(picture).rgb
    var values = [Float]()
    values.reserveCapacity(162)
    for n in stride(from: 0, to: rgb.count, by: 3) {
        values.append((Float(rgb[n]) * 0.007843138) + (-1.0))
        values.append((Float(rgb[n + 1]) * 0.007843138) + (-1.0))
        values.append((Float(rgb[n + 2]) * 0.007843138) + (-1.0))
    }
    return values
}

/// Three bytes a pixel: red, green, blue.
struct Picture {
    let height: Int
    let width: Int
    var rgb: [UInt8]
}

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

private let support = 3.0

private func sinc(_ x: Double) -> Double { x == 0.0 ? 1.0 : sin(x * Double.pi) / (x * Double.pi) }

private func filter(_ x: Double) -> Double { x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0.0 }

private typealias Box = (left: Float, top: Float, right: Float, bottom: Float)

/// The largest centred part with the wanted aspect.
private func box(_ picture: Picture) -> Box {
    let height = Double(picture.height)
    let width = Double(picture.width)
    let ratio = width / height
    let wanted = Double(wantedWidth) / Double(wantedHeight)
    let boxWidth = ratio > wanted ? wanted * height : width
    let boxHeight = ratio < wanted ? width / wanted : height
    let left = (width - boxWidth) * 0.5
    let top = (height - boxHeight) * 0.5
    return (Float(left), Float(top), Float(left + boxWidth), Float(top + boxHeight))
}

private struct Taps {
    let first: Int
    let weights: [Int]
}

/// What each wanted pixel of an axis takes of the old ones, with 22 bits behind the point.
private func taps(_ old: Int, _ start: Float, _ end: Float, _ size: Int) -> [Taps] {
    let scale = Double(end - start) / Double(size)
    let stretch = max(scale, 1.0)
    let reach = support * stretch
    return (0..<size).map { n in
        let center = Double(start) + (Double(n) + 0.5) * scale
        let first = max(0, Int(center - reach + 0.5))
        let count = min(old, Int(center + reach + 0.5)) - first
        let raw = (0..<count).map { filter((Double($0 + first) - center + 0.5) * (1 / stretch)) }
        let sum = raw.reduce(0.0, +)
        let weights = raw.map { weight -> Int in
            let share = sum == 0.0 ? weight : weight / sum
            return Int(share * Double(1 << 22) + (share < 0 ? -0.5 : 0.5))
        }
        return Taps(first: first, weights: weights)
    }
}

private func clip8(_ sum: Int) -> UInt8 { UInt8(min(255, max(0, sum >> 22))) }

private func across(_ picture: Picture, _ columns: [Taps]) -> Picture {
    var out = [UInt8](repeating: 0, count: picture.height * columns.count * 3)
    for y in 0..<picture.height {
        for (x, tap) in columns.enumerated() {
            for c in 0..<3 {
                var sum = 1 << 21
                let from = (y * picture.width + tap.first) * 3 + c
                for (k, weight) in tap.weights.enumerated() {
                    sum += Int(picture.rgb[from + k * 3]) * weight
                }
                out[(y * columns.count + x) * 3 + c] = clip8(sum)
            }
        }
    }
    return Picture(height: picture.height, width: columns.count, rgb: out)
}

private func down(_ picture: Picture, _ rows: [Taps]) -> Picture {
    let stride = picture.width * 3
    var out = [UInt8](repeating: 0, count: rows.count * stride)
    for (y, tap) in rows.enumerated() {
        for x in 0..<stride {
            var sum = 1 << 21
            for (k, weight) in tap.weights.enumerated() {
                sum += Int(picture.rgb[(tap.first + k) * stride + x]) * weight
            }
            out[y * stride + x] = clip8(sum)
        }
    }
    return Picture(height: rows.count, width: picture.width, rgb: out)
}

/// Pillow's lanczos, bit for bit; Core Graphics and vImage give other pixels.
private func resize(_ picture: Picture) -> Picture {
    let part = box(picture)
    let columns = taps(picture.width, part.left, part.right, wantedWidth)
    let rows = taps(picture.height, part.top, part.bottom, wantedHeight)
    let shrinks = picture.height - wantedHeight
    // Which axis comes first changes the rounding; this is the choice of Pillow 13.
    if shrinks > 0 && 2 * (picture.width - wantedWidth) < shrinks {
        return across(down(picture, rows), columns)
    }
    return down(across(picture, columns), rows)
}
