//# head
// @headline@
//
// app/build.gradle.kts:
//   @install@
//   android { androidResources { noCompress += "tflite" } }
// Put @model@ into app/src/main/assets/.
// @needs@
// Made by edge-deploy @version@.
package @package@

@imports@
@constants@

//# decode
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

//# class
/** The model; it may be asked many times, by one thread at a time. */
class @type@(file: ByteBuffer) : AutoCloseable {
    private val interpreter = Interpreter(file)

    constructor(assets: AssetManager) : this(map(assets))

    /**
     * Tensors in and out: takes @takes@;
     * gives @gives@, flat, by name.
     */
    fun run(@parameters@): Map<String, FloatArray> {
        val inputs = mapOf<String, Any>(
@feeds@
        )
        val outputs = mapOf<String, Any>(
@buffers@
        )
        interpreter.runSignature(inputs, outputs)
        return mapOf(
@reads@
        )
    }

@predict@

    override fun close() = interpreter.close()

    private companion object {
        fun map(assets: AssetManager): ByteBuffer = assets.openFd(@model@).use { file ->
            FileInputStream(file.fileDescriptor).channel.map(
                FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength,
            )
        }
    }
}

private fun buffer(bytes: Int): ByteBuffer =
    ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder())

//# test
// Golden answers of @name@: ./gradlew connectedAndroidTest
package @package@

@imports@
import androidx.test.platform.app.InstrumentationRegistry
import org.junit.Assert.assertEquals
import org.junit.Test

/** The golden files lie in app/src/androidTest/assets/. */
class @type@Test {
    private val instrumentation = InstrumentationRegistry.getInstrumentation()
    private val model = @type@(instrumentation.targetContext.assets)
@reader@
    private fun check(answers: Map<String, FloatArray>, name: String, vararg expected: Float) {
        val scale = maxOf(1e-6f, expected.maxOf { kotlin.math.abs(it) })
        expected.forEachIndexed { n, value ->
            assertEquals("$name[$n]", value, answers.getValue(name)[n], 1e-4f * scale)
        }
    }

@cases@
}

//# quantize
/** A real number as the integer that stands for it: real = (integer - zero) * scale. */
private fun quantize(value: Float, scale: Float, zero: Int, low: Int, high: Int): Int =
    (Math.rint((value / scale).toDouble()).toInt() + zero).coerceIn(low, high)

//# helper number
private fun number(row: Map<String, Any?>, name: String, missing: Float? = null): FloatArray {
    val value = (row[name] as Number?)?.toFloat() ?: missing
    return floatArrayOf(requireNotNull(value) { "$name is missing" })
}

//# helper index
/** The place of a category; `missing` and `unknown` are places, null is an error. */
private fun index(
    row: Map<String, Any?>, name: String, names: List<String>,
    missing: Int? = null, unknown: Int? = null,
): Int {
    val value = row[name] ?: return requireNotNull(missing) { "$name is missing" }
    val place = names.indexOf(value)
    if (place >= 0) return place
    return requireNotNull(unknown) { "$name is $value; it must be one of $names" }
}

//# helper ordinal
private fun ordinal(place: Int): FloatArray = floatArrayOf(place.toFloat())

//# helper one_hot
private fun oneHot(place: Int, count: Int): FloatArray =
    FloatArray(count) { if (it == place) 1f else 0f }

//# open picture
    private fun open(name: String): Picture =
        decode(ImageDecoder.createSource(instrumentation.context.assets, name))

//# open tensors
    private fun open(name: String): FloatArray {
        val bytes = instrumentation.context.assets.open(name).readBytes()
        val floats = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
        return FloatArray(floats.remaining()) { floats[it] }
    }
