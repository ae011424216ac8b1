//# picture
/** Three bytes a pixel: red, green, blue. */
class Picture(val height: Int, val width: Int, val rgb: ByteArray) {
    fun at(index: Int): Int = rgb[index].toInt() and 0xFF
}

//# filter box
private const val SUPPORT = 0.5

private fun filter(x: Double): Double = if (x > -0.5 && x <= 0.5) 1.0 else 0.0

//# filter bilinear
private const val SUPPORT = 1.0

private fun filter(x: Double): Double = maxOf(0.0, 1.0 - kotlin.math.abs(x))

//# filter hamming
private const val SUPPORT = 1.0

private fun filter(x: Double): Double {
    val place = kotlin.math.abs(x)
    if (place == 0.0) return 1.0
    if (place >= 1.0) return 0.0
    val turn = place * Math.PI
    return Math.sin(turn) / turn * (0.54f.toDouble() + 0.46f.toDouble() * Math.cos(turn))
}

//# filter bicubic
private const val SUPPORT = 2.0

private fun filter(x: Double): Double {
    val a = -0.5
    val place = kotlin.math.abs(x)
    if (place < 1.0) return ((a + 2) * place - (a + 3)) * place * place + 1
    return if (place < 2.0) (((place - 5) * place + 8) * place - 4) * a else 0.0
}

//# filter lanczos
private const val SUPPORT = 3.0

private fun sinc(x: Double): Double = if (x == 0.0) 1.0 else Math.sin(x * Math.PI) / (x * Math.PI)

private fun filter(x: Double): Double = if (x >= -3 && x < 3) sinc(x) * sinc(x / 3) else 0.0

//# box whole
/** The part that is resized: left, top, right, bottom. */
private fun box(picture: Picture): FloatArray =
    floatArrayOf(0f, 0f, picture.width.toFloat(), picture.height.toFloat())

//# box center
/** The largest centred part with the wanted aspect: left, top, right, bottom. */
private fun box(picture: Picture): FloatArray {
    val height = picture.height.toDouble()
    val width = picture.width.toDouble()
    val ratio = width / height
    val wanted = WIDTH.toDouble() / HEIGHT
    val boxWidth = if (ratio > wanted) wanted * height else width
    val boxHeight = if (ratio < wanted) width / wanted else height
    val left = (width - boxWidth) * 0.5
    val top = (height - boxHeight) * 0.5
    return doubleArrayOf(left, top, left + boxWidth, top + boxHeight)
        .map { it.toFloat() }.toFloatArray()
}

//# pillow
private class Taps(val first: Int, val weights: IntArray)

/** What each wanted pixel of an axis takes of the old ones, with 22 bits behind the point. */
private fun taps(old: Int, start: Float, end: Float, size: Int): List<Taps> {
    val scale = (end - start).toDouble() / size
    val stretch = maxOf(scale, 1.0)
    val reach = SUPPORT * stretch
    return List(size) { n ->
        val center = start + (n + 0.5) * scale
        val first = maxOf(0, (center - reach + 0.5).toInt())
        val count = minOf(old, (center + reach + 0.5).toInt()) - first
        val raw = DoubleArray(count) { filter((it + first - center + 0.5) * (1 / stretch)) }
        val sum = raw.sum()
        Taps(first, IntArray(count) {
            val share = if (sum == 0.0) raw[it] else raw[it] / sum
            (share * (1 shl 22) + (if (share < 0) -0.5 else 0.5)).toInt()
        })
    }
}

private fun clip8(sum: Int): Byte = (sum shr 22).coerceIn(0, 255).toByte()

private fun across(picture: Picture, columns: List<Taps>): Picture {
    val out = ByteArray(picture.height * columns.size * 3)
    for (y in 0 until picture.height) for ((x, tap) in columns.withIndex()) for (c in 0..2) {
        var sum = 1 shl 21
        val from = (y * picture.width + tap.first) * 3 + c
        for (k in tap.weights.indices) sum += picture.at(from + k * 3) * tap.weights[k]
        out[(y * columns.size + x) * 3 + c] = clip8(sum)
    }
    return Picture(picture.height, columns.size, out)
}

private fun down(picture: Picture, rows: List<Taps>): Picture {
    val stride = picture.width * 3
    val out = ByteArray(rows.size * stride)
    for ((y, tap) in rows.withIndex()) for (x in 0 until stride) {
        var sum = 1 shl 21
        for (k in tap.weights.indices) {
            sum += picture.at((tap.first + k) * stride + x) * tap.weights[k]
        }
        out[y * stride + x] = clip8(sum)
    }
    return Picture(rows.size, picture.width, out)
}

/** Pillow's @method@, bit for bit; Android's own scaling gives other pixels. */
private fun resize(picture: Picture): Picture {
    val (left, top, right, bottom) = box(picture)
    val columns = taps(picture.width, left, right, WIDTH)
    val rows = taps(picture.height, top, bottom, HEIGHT)
    val shrinks = picture.height - HEIGHT
    // Which axis comes first changes the rounding; this is the choice of Pillow 13.
    return if (shrinks > 0 && 2 * (picture.width - WIDTH) < shrinks) {
        across(down(picture, rows), columns)
    } else {
        down(across(picture, columns), rows)
    }
}

//# nearest
private fun places(start: Float, end: Float, size: Int, old: Int): IntArray {
    val step = (end - start).toDouble() / size
    var place = start + step * 0.5
    return IntArray(size) {
        val index = if (place < 0) -1 else place.toInt()
        place += step
        if (index < old) index else -1
    }
}

/** Pillow's nearest, pixel for pixel: a sum of steps, cut off. */
private fun resize(picture: Picture): Picture {
    val (left, top, right, bottom) = box(picture)
    val columns = places(left, right, WIDTH, picture.width)
    val rows = places(top, bottom, HEIGHT, picture.height)
    val out = ByteArray(HEIGHT * WIDTH * 3)
    for ((n, y) in rows.withIndex()) for ((m, x) in columns.withIndex()) for (c in 0..2) {
        if (y >= 0 && x >= 0) {
            out[(n * WIDTH + m) * 3 + c] = picture.rgb[(y * picture.width + x) * 3 + c]
        }
    }
    return Picture(HEIGHT, WIDTH, out)
}

//# smart crop
/** The largest centred part of whole pixels with the wanted aspect, as Keras' smart_resize. */
private fun cropped(picture: Picture): Picture {
    val wantedHeight = (picture.width.toDouble() * HEIGHT / WIDTH).toInt()
    val wantedWidth = (picture.height.toDouble() * WIDTH / HEIGHT).toInt()
    val height = maxOf(1, minOf(picture.height, wantedHeight))
    val width = maxOf(1, minOf(picture.width, wantedWidth))
    val top = (picture.height - height) / 2
    val left = (picture.width - width) / 2
    val out = ByteArray(height * width * 3)
    for (y in 0 until height) {
        val from = ((top + y) * picture.width + left) * 3
        picture.rgb.copyInto(out, y * width * 3, from, from + width * 3)
    }
    return Picture(height, width, out)
}

//# tf-nearest
private fun places(size: Int, old: Int): IntArray {
    val scale = old.toFloat() / size
    return IntArray(size) { minOf(((it + 0.5f) * scale).toInt(), old - 1) }
}

/** TensorFlow's nearest, pixel for pixel. */
private fun resize(picture: Picture): Picture {
    val columns = places(WIDTH, picture.width)
    val out = ByteArray(HEIGHT * WIDTH * 3)
    for ((n, y) in places(HEIGHT, picture.height).withIndex()) {
        for ((m, x) in columns.withIndex()) for (c in 0..2) {
            out[(n * WIDTH + m) * 3 + c] = picture.rgb[(y * picture.width + x) * 3 + c]
        }
    }
    return Picture(HEIGHT, WIDTH, out)
}

//# tf-bilinear
private class Between(val low: Int, val high: Int, val share: Float)

private fun between(size: Int, old: Int): List<Between> {
    val scale = old.toFloat() / size
    return List(size) {
        val place = (it + 0.5f) * scale - 0.5f
        val floor = kotlin.math.floor(place)
        val high = minOf(kotlin.math.ceil(place).toInt(), old - 1)
        Between(maxOf(floor.toInt(), 0), high, place - floor)
    }
}

/** TensorFlow's bilinear without antialiasing, bit for bit: three floats a pixel. */
private fun resize(picture: Picture): FloatArray {
    if (picture.height == HEIGHT && picture.width == WIDTH) {
        return FloatArray(HEIGHT * WIDTH * 3) { picture.at(it).toFloat() }
    }
    val columns = between(WIDTH, picture.width)
    val out = FloatArray(HEIGHT * WIDTH * 3)
    for ((n, y) in between(HEIGHT, picture.height).withIndex()) {
        for ((m, x) in columns.withIndex()) for (c in 0..2) {
            fun mix(a: Float, b: Float, share: Float) = a + (b - a) * share
            fun line(row: Int): Float {
                val left = picture.at((row * picture.width + x.low) * 3 + c).toFloat()
                val right = picture.at((row * picture.width + x.high) * 3 + c).toFloat()
                return mix(left, right, x.share)
            }
            out[(n * WIDTH + m) * 3 + c] = mix(line(y.low), line(y.high), y.share)
        }
    }
    return out
}
