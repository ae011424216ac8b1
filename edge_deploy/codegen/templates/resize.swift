//# picture
/// Three bytes a pixel: red, green, blue.
struct Picture {
    let height: Int
    let width: Int
    var rgb: [UInt8]
}

//# filter box
private let support = 0.5

private func filter(_ x: Double) -> Double { x > -0.5 && x <= 0.5 ? 1.0 : 0.0 }

//# filter bilinear
private let support = 1.0

private func filter(_ x: Double) -> Double { max(0.0, 1.0 - abs(x)) }

//# filter hamming
private let support = 1.0

private func filter(_ x: Double) -> Double {
    let place = abs(x)
    if place == 0.0 { return 1.0 }
    if place >= 1.0 { return 0.0 }
    let turn = place * Double.pi
    return sin(turn) / turn * (Double(Float(0.54)) + Double(Float(0.46)) * cos(turn))
}

//# filter bicubic
private let support = 2.0

private func filter(_ x: Double) -> Double {
    let a = -0.5
    let place = abs(x)
    if place < 1.0 { return ((a + 2) * place - (a + 3)) * place * place + 1 }
    return place < 2.0 ? (((place - 5) * place + 8) * place - 4) * a : 0.0
}

//# filter lanczos
private let support = 3.0

private func sinc(_ x: Double) -> Double { x == 0.0 ? 1.0 : sin(x * Double.pi) / (x * Double.pi) }

private func filter(_ x: Double) -> Double { x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0.0 }

//# box whole
private typealias Box = (left: Float, top: Float, right: Float, bottom: Float)

/// The part that is resized.
private func box(_ picture: Picture) -> Box {
    (0, 0, Float(picture.width), Float(picture.height))
}

//# box center
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

//# pillow
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

/// Pillow's @method@, bit for bit; Core Graphics and vImage give other pixels.
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

//# nearest
private func places(_ start: Float, _ end: Float, _ size: Int, _ old: Int) -> [Int] {
    let step = Double(end - start) / Double(size)
    var place = Double(start) + step * 0.5
    return (0..<size).map { _ in
        let index = place < 0 ? -1 : Int(place)
        place += step
        return index < old ? index : -1
    }
}

/// Pillow's nearest, pixel for pixel: a sum of steps, cut off.
private func resize(_ picture: Picture) -> Picture {
    let part = box(picture)
    let columns = places(part.left, part.right, wantedWidth, picture.width)
    let rows = places(part.top, part.bottom, wantedHeight, picture.height)
    var out = [UInt8]()
    for y in rows {
        for x in columns {
            for c in 0..<3 {
                out.append(y < 0 || x < 0 ? 0 : picture.rgb[(y * picture.width + x) * 3 + c])
            }
        }
    }
    return Picture(height: wantedHeight, width: wantedWidth, rgb: out)
}

//# smart crop
/// The largest centred part of whole pixels with the wanted aspect, as Keras' smart_resize.
private func cropped(_ picture: Picture) -> Picture {
    let fullHeight = Int(Double(picture.width * wantedHeight) / Double(wantedWidth))
    let fullWidth = Int(Double(picture.height * wantedWidth) / Double(wantedHeight))
    let height = max(1, min(picture.height, fullHeight))
    let width = max(1, min(picture.width, fullWidth))
    let top = (picture.height - height) / 2
    let left = (picture.width - width) / 2
    var out = [UInt8]()
    for y in 0..<height {
        let from = ((top + y) * picture.width + left) * 3
        out += picture.rgb[from..<(from + width * 3)]
    }
    return Picture(height: height, width: width, rgb: out)
}

//# tf-nearest
private func places(_ size: Int, _ old: Int) -> [Int] {
    let scale = Float(old) / Float(size)
    return (0..<size).map { min(Int((Float($0) + 0.5) * scale), old - 1) }
}

/// TensorFlow's nearest, pixel for pixel.
private func resize(_ picture: Picture) -> Picture {
    let columns = places(wantedWidth, picture.width)
    var out = [UInt8]()
    for y in places(wantedHeight, picture.height) {
        for x in columns {
            for c in 0..<3 {
                out.append(picture.rgb[(y * picture.width + x) * 3 + c])
            }
        }
    }
    return Picture(height: wantedHeight, width: wantedWidth, rgb: out)
}

//# tf-bilinear
private struct Between {
    let low: Int
    let high: Int
    let share: Float
}

private func between(_ size: Int, _ old: Int) -> [Between] {
    let scale = Float(old) / Float(size)
    return (0..<size).map { n in
        let place = (Float(n) + 0.5) * scale - 0.5
        let floor = place.rounded(.down)
        let high = min(Int(place.rounded(.up)), old - 1)
        return Between(low: max(Int(floor), 0), high: high, share: place - floor)
    }
}

private func mix(_ a: Float, _ b: Float, _ share: Float) -> Float { a + (b - a) * share }

/// TensorFlow's bilinear without antialiasing, bit for bit: three floats a pixel.
private func resize(_ picture: Picture) -> [Float] {
    if picture.height == wantedHeight && picture.width == wantedWidth {
        return picture.rgb.map { Float($0) }
    }
    let columns = between(wantedWidth, picture.width)
    var out = [Float]()
    for y in between(wantedHeight, picture.height) {
        for x in columns {
            for c in 0..<3 {
                func pixel(_ row: Int, _ column: Int) -> Float {
                    Float(picture.rgb[(row * picture.width + column) * 3 + c])
                }
                let upper = mix(pixel(y.low, x.low), pixel(y.low, x.high), x.share)
                let lower = mix(pixel(y.high, x.low), pixel(y.high, x.high), x.share)
                out.append(mix(upper, lower, y.share))
            }
        }
    }
    return out
}
