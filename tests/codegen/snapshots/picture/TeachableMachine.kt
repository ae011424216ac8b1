// Teachable-machine, version 1: pictures (6 x 9 rgb) in, 2 classes out.
//
// app/build.gradle.kts:
//   dependencies { implementation("com.google.ai.edge.litert:litert:1.4.1") }
//   android { androidResources { noCompress += "tflite" } }
// Put Teachable-machine_float32.tflite into app/src/main/assets/.
// Teachable-machine_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
// Made by edge-deploy 0.1.0.
package app.teachable_machine

import android.content.res.AssetManager
import android.graphics.Bitmap
import android.graphics.ImageDecoder
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import org.tensorflow.lite.Interpreter

val LABELS = listOf("cat", "dog \"\$x\"")

private const val HEIGHT = 6
private const val WIDTH = 9

/** The model; it may be asked many times, by one thread at a time. */
class TeachableMachine(file: ByteBuffer) : AutoCloseable {
    private val interpreter = Interpreter(file)

    constructor(assets: AssetManager) : this(map(assets))

    /**
     * Tensors in and out: takes picture float32 1 x 6 x 9 x 3;
     * gives probabilities float32 1 x 2, flat, by name.
     */
    fun run(picture: FloatArray): Map<String, FloatArray> {
        val inputs = mapOf<String, Any>(
            "picture" to buffer(648).apply { for (value in picture) putFloat(value); rewind() },
        )
        val outputs = mapOf<String, Any>(
            "probabilities" to buffer(8),
        )
        interpreter.runSignature(inputs, outputs)
        return mapOf(
            "probabilities" to (outputs["probabilities"] as ByteBuffer).run { FloatArray(2) { n -> getFloat(n * 4) } },
        )
    }

    /** Each label's share, the largest first. */
    fun predict(picture: Picture): List<Pair<String, Float>> {
        val values = run(preprocess(picture)).getValue("probabilities")
        return LABELS.zip(values.toList()).sortedByDescending { it.second }
    }

    override fun close() = interpreter.close()

    private companion object {
        fun map(assets: AssetManager): ByteBuffer = assets.openFd("Teachable-machine_float32.tflite").use { file ->
            FileInputStream(file.fileDescriptor).channel.map(
                FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength,
            )
        }
    }
}

private fun buffer(bytes: Int): ByteBuffer =
    ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder())

/** A picture as the model takes it. */
fun preprocess(picture: Picture): FloatArray {
    val small = resize(picture)
    val values = FloatArray(162)
    for (n in 0 until HEIGHT * WIDTH) {
        val from = n * 3
        values[from] = (small.at(from).toFloat() * 0.007843138f) + (-1.0f)
        values[from + 1] = (small.at(from + 1).toFloat() * 0.007843138f) + (-1.0f)
        values[from + 2] = (small.at(from + 2).toFloat() * 0.007843138f) + (-1.0f)
    }
    return values
}

/** Three bytes a pixel: red, green, blue. */
class Picture(val height: Int, val width: Int, val rgb: ByteArray) {
    fun at(index: Int): Int = rgb[index].toInt() and 0xFF
}

/** A picture file's pixels, turned as its EXIF says (needs API 28), on white. */
fun decode(source: ImageDecoder.Source): Picture {
    val bitmap = ImageDecoder.decodeBitmap(source) { decoder, _, _ ->
        decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE
        decoder.isUnpremultipliedRequired = true
    }
    return pixels(bitmap)
}

/** The pixels of an upright bitmap; what is transparent stands on white. */
fun pixels(bitmap: Bitmap): Picture {
    val rgb = ByteArray(bitmap.height * bitmap.width * 3)
    val row = IntArray(bitmap.width)
    var at = 0
    for (y in 0 until bitmap.height) {
        bitmap.getPixels(row, 0, bitmap.width, 0, y, bitmap.width, 1)
        for (pixel in row) for (shift in intArrayOf(16, 8, 0)) {
            val alpha = pixel ushr 24
            val sum = ((pixel shr shift) and 0xFF) * alpha + 255 * (255 - alpha) + 128
            rgb[at++] = ((sum + (sum shr 8)) shr 8).toByte()
        }
    }
    return Picture(bitmap.height, bitmap.width, rgb)
}

private const val SUPPORT = 3.0

private fun sinc(x: Double): Double = if (x == 0.0) 1.0 else Math.sin(x * Math.PI) / (x * Math.PI)

private fun filter(x: Double): Double = if (x >= -3 && x < 3) sinc(x) * sinc(x / 3) else 0.0

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

/** Pillow's lanczos, bit for bit; Android's own scaling gives other pixels. */
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
