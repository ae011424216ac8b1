// classifier, version 1: rows of 7 columns in, 2 classes out.
//
// app/build.gradle.kts:
//   dependencies { implementation("com.google.ai.edge.litert:litert:1.4.1") }
//   android { androidResources { noCompress += "tflite" } }
// Put classifier_float32.tflite into app/src/main/assets/.
// classifier_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
// Made by edge-deploy 0.1.0.
package app.classifier

import android.content.res.AssetManager
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import org.tensorflow.lite.Interpreter

val LABELS = listOf("cat", "dog \"\$x\"")

/** The model; it may be asked many times, by one thread at a time. */
class Classifier(file: ByteBuffer) : AutoCloseable {
    private val interpreter = Interpreter(file)

    constructor(assets: AssetManager) : this(map(assets))

    /**
     * Tensors in and out: takes features float32 1 x 10;
     * gives class int32 1, probabilities float32 1 x 2, flat, by name.
     */
    fun run(features: FloatArray): Map<String, FloatArray> {
        val inputs = mapOf<String, Any>(
            "features" to buffer(40).apply { for (value in features) putFloat(value); rewind() },
        )
        val outputs = mapOf<String, Any>(
            "class" to buffer(4),
            "probabilities" to buffer(8),
        )
        interpreter.runSignature(inputs, outputs)
        return mapOf(
            "class" to (outputs["class"] as ByteBuffer).run { FloatArray(1) { n -> getInt(n * 4).toFloat() } },
            "probabilities" to (outputs["probabilities"] as ByteBuffer).run { FloatArray(2) { n -> getFloat(n * 4) } },
        )
    }

    /** Each label's share, the largest first. */
    fun predict(row: Map<String, Any?>): List<Pair<String, Float>> {
        val values = run(encode(row)).getValue("probabilities")
        return LABELS.zip(values.toList()).sortedByDescending { it.second }
    }

    override fun close() = interpreter.close()

    private companion object {
        fun map(assets: AssetManager): ByteBuffer = assets.openFd("classifier_float32.tflite").use { file ->
            FileInputStream(file.fileDescriptor).channel.map(
                FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength,
            )
        }
    }
}

private fun buffer(bytes: Int): ByteBuffer =
    ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder())

/**
 * A row as the model takes it, such as
 * mapOf("age" to 40.0, "weight" to 81.25, "height" to 1.8, "sex" to "m", "job" to "b", "size" to "M", "town" to "y \"2\"")
 */
fun encode(row: Map<String, Any?>): FloatArray = floatArrayOf(
    *number(row, "age"), // years, 18 to 64
    *number(row, "weight", 70.5f), // may be missing
    *number(row, "height", Float.NaN), // may be missing
    *oneHot(index(row, "sex", listOf("f", "m")), 2),
    *oneHot(index(row, "job", listOf("a", "b"), unknown = -1), 2),
    *ordinal(index(row, "size", listOf("S", "M"), missing = 2, unknown = 1)), // may be missing
    *oneHot(index(row, "town", listOf("x \$1", "y \"2\""), missing = 0), 2), // may be missing
)

private fun number(row: Map<String, Any?>, name: String, missing: Float? = null): FloatArray {
    val value = (row[name] as Number?)?.toFloat() ?: missing
    return floatArrayOf(requireNotNull(value) { "$name is missing" })
}

/**
 * The place of a category; `missing` and `unknown` are places, null is an error. Blanks around it do not
 * count, nor does its case where one fits.
 */
private fun index(
    row: Map<String, Any?>, name: String, names: List<String>,
    missing: Int? = null, unknown: Int? = null,
): Int {
    val value = row[name] ?: return requireNotNull(missing) { "$name is missing" }
    val text = value.toString().trim()
    val plain = names.map { it.trim() }
    val places = listOf(names.indexOf(value), names.indexOf(text), plain.indexOf(text))
    val place = places.firstOrNull { it >= 0 } ?: unknown
    if (place != null) return place
    val alike = plain.indices.filter { plain[it].lowercase() == text.lowercase() }
    return requireNotNull(alike.singleOrNull()) { "$name is $value; it must be one of $names" }
}

private fun ordinal(place: Int): FloatArray = floatArrayOf(place.toFloat())

private fun oneHot(place: Int, count: Int): FloatArray =
    FloatArray(count) { if (it == place) 1f else 0f }
