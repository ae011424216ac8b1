// Teachable-machine, version 1: pictures (6 x 9 rgb) in, 2 classes out.
//
// target_link_libraries(app tensorflowlite_c), built from tensorflow/lite/c of TensorFlow 2.17.0 or newer
//
// Teachable-machine_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
// Pixels are equal to Python's to the last bit with -ffp-contract=off.
// Made by edge-deploy 0.1.0.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tensorflow/lite/c/c_api.h"

namespace teachable_machine {

inline const std::vector<std::string> kLabels = {"cat", "dog \"$x\""};

inline constexpr int kHeight = 6, kWidth = 9;

/** Three bytes a pixel: red, green, blue. */
struct Picture {
    int height = 0, width = 0;
    std::vector<uint8_t> rgb;
};

inline constexpr double kSupport = 3.0;

inline double sinc(double x) {
    const double turn = x * 3.14159265358979323846;
    return x == 0.0 ? 1.0 : std::sin(turn) / turn;
}

inline double filter(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0.0; }

struct Box {
    float left, top, right, bottom;
};

/** The largest centred part with the wanted aspect. */
inline Box box(const Picture& picture) {
    const double height = picture.height, width = picture.width;
    const double ratio = width / height, wanted = double(kWidth) / kHeight;
    const double box_width = ratio > wanted ? wanted * height : width;
    const double box_height = ratio < wanted ? width / wanted : height;
    const double left = (width - box_width) * 0.5, top = (height - box_height) * 0.5;
    return {float(left), float(top), float(left + box_width), float(top + box_height)};
}

struct Taps {
    int first;
    std::vector<int> weights;
};

/** What each wanted pixel of an axis takes of the old ones, with 22 bits behind the point. */
inline std::vector<Taps> taps(int old, float start, float end, int size) {
    const double scale = double(end - start) / size;
    const double stretch = std::max(scale, 1.0), reach = kSupport * stretch;
    std::vector<Taps> result;
    for (int n = 0; n < size; ++n) {
        const double center = start + (n + 0.5) * scale;
        const int first = std::max(0, int(center - reach + 0.5));
        const int count = std::min(old, int(center + reach + 0.5)) - first;
        std::vector<double> raw;
        double sum = 0.0;
        for (int x = 0; x < count; ++x) {
            raw.push_back(filter((x + first - center + 0.5) * (1 / stretch)));
            sum += raw.back();
        }
        Taps tap{first, {}};
        for (double weight : raw) {
            const double share = sum == 0.0 ? weight : weight / sum;
            tap.weights.push_back(int(share * (1 << 22) + (share < 0 ? -0.5 : 0.5)));
        }
        result.push_back(tap);
    }
    return result;
}

inline uint8_t clip8(int sum) { return uint8_t(std::min(255, std::max(0, sum >> 22))); }

inline Picture across(const Picture& picture, const std::vector<Taps>& columns) {
    const int width = int(columns.size());
    Picture out{picture.height, width, std::vector<uint8_t>(size_t(picture.height) * width * 3)};
    for (int y = 0; y < picture.height; ++y)
        for (int x = 0; x < width; ++x)
            for (int c = 0; c < 3; ++c) {
                int sum = 1 << 21;
                size_t from = (size_t(y) * picture.width + columns[x].first) * 3 + c;
                for (int weight : columns[x].weights) {
                    sum += picture.rgb[from] * weight;
                    from += 3;
                }
                out.rgb[(size_t(y) * width + x) * 3 + c] = clip8(sum);
            }
    return out;
}

inline Picture down(const Picture& picture, const std::vector<Taps>& rows) {
    const size_t stride = size_t(picture.width) * 3;
    Picture out{int(rows.size()), picture.width, std::vector<uint8_t>(rows.size() * stride)};
    for (size_t y = 0; y < rows.size(); ++y)
        for (size_t x = 0; x < stride; ++x) {
            int sum = 1 << 21;
            size_t from = rows[y].first * stride + x;
            for (int weight : rows[y].weights) {
                sum += picture.rgb[from] * weight;
                from += stride;
            }
            out.rgb[y * stride + x] = clip8(sum);
        }
    return out;
}

/** Pillow's lanczos, bit for bit; stb's gives other pixels. */
inline Picture resize(const Picture& picture) {
    const Box part = box(picture);
    const auto columns = taps(picture.width, part.left, part.right, kWidth);
    const auto rows = taps(picture.height, part.top, part.bottom, kHeight);
    const int shrinks = picture.height - kHeight;
    // Which axis comes first changes the rounding; this is the choice of Pillow 13.
    if (shrinks > 0 && 2 * (picture.width - kWidth) < shrinks)
        return across(down(picture, rows), columns);
    return down(across(picture, columns), rows);
}

/** A picture as the model takes it. */
inline std::vector<float> preprocess(const Picture& picture) {
    const auto rgb = resize(picture).rgb;
    std::vector<float> values;
    for (size_t n = 0; n < rgb.size(); n += 3) {
        values.push_back((float(rgb[n]) * 0.007843138f) + (-1.0f));
        values.push_back((float(rgb[n + 1]) * 0.007843138f) + (-1.0f));
        values.push_back((float(rgb[n + 2]) * 0.007843138f) + (-1.0f));
    }
    return values;
}

/** Real numbers as a tensor's own: real = (integer - zero) * scale; scale 0 only casts. */
template <typename T>
void write(TfLiteTensor* tensor, const std::vector<float>& values, double scale, int zero) {
    std::vector<T> cells;
    for (float value : values) {
        const double place = scale == 0.0 ? value : std::nearbyint(value / float(scale)) + zero;
        const double low = double(std::numeric_limits<T>::lowest());
        const double high = double(std::numeric_limits<T>::max());
        cells.push_back(T(scale == 0.0 ? place : std::min(high, std::max(low, place))));
    }
    const size_t bytes = cells.size() * sizeof(T);
    if (TfLiteTensorCopyFromBuffer(tensor, cells.data(), bytes) != kTfLiteOk)
        throw std::runtime_error("an input has " + std::to_string(values.size()) + " numbers");
}

template <typename T>
std::vector<float> read(const TfLiteTensor* tensor, size_t count, double scale, int zero) {
    std::vector<T> cells(count);
    if (TfLiteTensorCopyToBuffer(tensor, cells.data(), count * sizeof(T)) != kTfLiteOk)
        throw std::runtime_error("an output is of another size");
    std::vector<float> values;
    for (T cell : cells)
        values.push_back(scale == 0.0 ? float(cell) : (float(cell) - zero) * float(scale));
    return values;
}

/** The model; it may be asked many times, by one thread at a time. */
class TeachableMachine {
  public:
    explicit TeachableMachine(const std::string& path = "Teachable-machine_float32.tflite") {
        model_.reset(TfLiteModelCreateFromFile(path.c_str()));
        if (!model_) throw std::runtime_error(path + " cannot be opened");
        interpreter_.reset(TfLiteInterpreterCreate(model_.get(), nullptr));
        if (!interpreter_ || TfLiteInterpreterAllocateTensors(interpreter_.get()) != kTfLiteOk)
            throw std::runtime_error(path + " needs a newer TensorFlow Lite runtime");
    }

    /**
     * Tensors in and out: takes picture float32 1 x 6 x 9 x 3;
     * gives probabilities float32 1 x 2, flat, by name.
     */
    std::map<std::string, std::vector<float>> run(const std::vector<float>& picture) {
        TfLiteInterpreter* interpreter = interpreter_.get();
        write<float>(TfLiteInterpreterGetInputTensor(interpreter, 0), picture, 0.0, 0);
        if (TfLiteInterpreterInvoke(interpreter) != kTfLiteOk)
            throw std::runtime_error("the model cannot be run");
        return {
            {"probabilities", read<float>(TfLiteInterpreterGetOutputTensor(interpreter, 0), 2, 0.0, 0)},
        };
    }

    /** Each label's share, the largest first. */
    std::vector<std::pair<std::string, float>> predict(const Picture& picture) {
        const auto values = run(preprocess(picture)).at("probabilities");
        std::vector<std::pair<std::string, float>> shares;
        for (size_t n = 0; n < kLabels.size(); ++n) shares.emplace_back(kLabels[n], values[n]);
        std::stable_sort(shares.begin(), shares.end(),
                         [](const auto& a, const auto& b) { return a.second > b.second; });
        return shares;
    }

  private:
    template <auto Delete>
    struct Deleter {
        template <typename T>
        void operator()(T* object) const {
            Delete(object);
        }
    };
    std::unique_ptr<TfLiteModel, Deleter<TfLiteModelDelete>> model_;
    std::unique_ptr<TfLiteInterpreter, Deleter<TfLiteInterpreterDelete>> interpreter_;
};

}  // namespace teachable_machine
