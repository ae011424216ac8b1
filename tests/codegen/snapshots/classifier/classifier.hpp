// classifier, version 1: rows of 7 columns in, 2 classes out.
//
// target_link_libraries(app tensorflowlite_c), built from tensorflow/lite/c of TensorFlow 2.17.0 or newer
//
// classifier_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
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

namespace classifier {

inline const std::vector<std::string> kLabels = {"cat", "dog \"$x\""};

/** A row of the table by its columns' names: numbers and words. */
using Row = std::map<std::string, std::variant<double, std::string>>;

inline void number(std::vector<float>& out, const Row& row, const std::string& name,
                   const double* missing = nullptr) {
    const auto found = row.find(name);
    if (found == row.end() && !missing) throw std::invalid_argument(name + " is missing");
    out.push_back(float(found == row.end() ? *missing : std::get<double>(found->second)));
}

/** A text without blanks around it; with `lower`, its letters A to Z small. */
inline std::string plain(const std::string& text, bool lower = false) {
    const char* blanks = " \t\n\v\f\r";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string::npos) return "";
    std::string cut = text.substr(first, text.find_last_not_of(blanks) - first + 1);
    for (char& c : cut) {
        if (lower && c >= 'A' && c <= 'Z') c += 'a' - 'A';
    }
    return cut;
}

/**
 * The place of a category; `missing` and `unknown` are places, -2 is an error. Blanks around it do
 * not count, nor does the case of A to Z where one fits.
 */
inline int index(const Row& row, const std::string& name, const std::vector<std::string>& names,
                 int missing = -2, int unknown = -2) {
    const auto found = row.find(name);
    if (found == row.end() && missing != -2) return missing;
    if (found == row.end()) throw std::invalid_argument(name + " is missing");
    const auto& value = std::get<std::string>(found->second);
    for (const auto& text : {value, plain(value)}) {
        const auto place = std::find(names.begin(), names.end(), text);
        if (place != names.end()) return int(place - names.begin());
    }
    std::vector<int> alike;
    for (int n = 0; n < int(names.size()); ++n) {
        if (plain(names[n]) == plain(value)) return n;
        if (plain(names[n], true) == plain(value, true)) alike.push_back(n);
    }
    if (unknown != -2) return unknown;
    if (alike.size() != 1) throw std::invalid_argument(name + " is not one of its categories");
    return alike[0];
}

inline void ordinal(std::vector<float>& out, int place) {
    out.push_back(float(place));
}

inline void one_hot(std::vector<float>& out, int place, int count) {
    for (int n = 0; n < count; ++n) out.push_back(n == place ? 1.0f : 0.0f);
}

/** A row as the model takes it. */
inline std::vector<float> encode(const Row& row) {
    std::vector<float> out;
    number(out, row, "age");  // years, 18 to 64
    { const double missing = 70.5; number(out, row, "weight", &missing); }  // may be missing
    { const double missing = NAN; number(out, row, "height", &missing); }  // may be missing
    one_hot(out, index(row, "sex", {"f", "m"}), 2);
    one_hot(out, index(row, "job", {"a", "b"}, -2, -1), 2);
    ordinal(out, index(row, "size", {"S", "M"}, 2, 1));  // may be missing
    one_hot(out, index(row, "town", {"x $1", "y \"2\""}, 0), 2);  // may be missing
    return out;
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
class Classifier {
  public:
    explicit Classifier(const std::string& path = "classifier_float32.tflite") {
        model_.reset(TfLiteModelCreateFromFile(path.c_str()));
        if (!model_) throw std::runtime_error(path + " cannot be opened");
        interpreter_.reset(TfLiteInterpreterCreate(model_.get(), nullptr));
        if (!interpreter_ || TfLiteInterpreterAllocateTensors(interpreter_.get()) != kTfLiteOk)
            throw std::runtime_error(path + " needs a newer TensorFlow Lite runtime");
    }

    /**
     * Tensors in and out: takes features float32 1 x 10;
     * gives class int32 1, probabilities float32 1 x 2, flat, by name.
     */
    std::map<std::string, std::vector<float>> run(const std::vector<float>& features) {
        TfLiteInterpreter* interpreter = interpreter_.get();
        write<float>(TfLiteInterpreterGetInputTensor(interpreter, 0), features, 0.0, 0);
        if (TfLiteInterpreterInvoke(interpreter) != kTfLiteOk)
            throw std::runtime_error("the model cannot be run");
        return {
            {"class", read<int32_t>(TfLiteInterpreterGetOutputTensor(interpreter, 0), 1, 0.0, 0)},
            {"probabilities", read<float>(TfLiteInterpreterGetOutputTensor(interpreter, 1), 2, 0.0, 0)},
        };
    }

    /** Each label's share, the largest first. */
    std::vector<std::pair<std::string, float>> predict(const Row& row) {
        const auto values = run(encode(row)).at("probabilities");
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

}  // namespace classifier
