//# head
// @headline@
//
// @install@
//
// @needs@
// Pixels are equal to Python's to the last bit with -ffp-contract=off.
// Made by edge-deploy @version@.
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

namespace @space@ {
@constants@

//# tensors
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

//# class
/** The model; it may be asked many times, by one thread at a time. */
class @type@ {
  public:
    explicit @type@(const std::string& path = @model@) {
        model_.reset(TfLiteModelCreateFromFile(path.c_str()));
        if (!model_) throw std::runtime_error(path + " cannot be opened");
        interpreter_.reset(TfLiteInterpreterCreate(model_.get(), nullptr));
        if (!interpreter_ || TfLiteInterpreterAllocateTensors(interpreter_.get()) != kTfLiteOk)
            throw std::runtime_error(path + " needs a newer TensorFlow Lite runtime");
    }

    /**
     * Tensors in and out: takes @takes@;
     * gives @gives@, flat, by name.
     */
    std::map<std::string, std::vector<float>> run(@parameters@) {
        TfLiteInterpreter* interpreter = interpreter_.get();
@feeds@
        if (TfLiteInterpreterInvoke(interpreter) != kTfLiteOk)
            throw std::runtime_error("the model cannot be run");
        return {
@reads@
        };
    }

@predict@

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

}  // namespace @space@

//# test
// Golden answers of @name@; exits with 1 where an answer is another.
#include <cstdio>
#include <fstream>
#include <iterator>

#include "@header@"

using namespace @space@;

static int failures = 0;

static void check(const std::map<std::string, std::vector<float>>& answers,
                  const std::string& name, const std::vector<float>& expected) {
    float scale = 1e-6f;
    for (float value : expected) scale = std::max(scale, std::abs(value));
    for (size_t n = 0; n < expected.size(); ++n)
        if (!(std::abs(answers.at(name).at(n) - expected[n]) <= 1e-4f * scale)) {
            std::printf("%s[%zu]: %g, not %g\n", name.c_str(), n, answers.at(name)[n],
                        expected[n]);
            ++failures;
        }
}
@reader@
int main() {
    @type@ model;
@cases@
    std::printf("@count@ samples, %d failures\n", failures);
    return failures ? 1 : 0;
}

//# picture reader
/** A binary PPM file. */
static Picture open(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string magic;
    int top = 0;
    Picture picture;
    file >> magic >> picture.width >> picture.height >> top;
    file.get();
    picture.rgb.assign(std::istreambuf_iterator<char>(file), {});
    return picture;
}

//# tensor reader
static std::vector<float> open(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::vector<float> values(size_t(file.tellg()) / sizeof(float));
    file.seekg(0);
    file.read(reinterpret_cast<char*>(values.data()), std::streamsize(values.size() * 4));
    return values;
}

//# cmake
cmake_minimum_required(VERSION 3.16)
project(@space@ CXX)
set(CMAKE_CXX_STANDARD 17)
set(TFLITE_INCLUDE "" CACHE PATH "Folder that holds tensorflow/lite/c/c_api.h")
set(TFLITE_LIBRARY "" CACHE FILEPATH "libtensorflowlite_c")
enable_testing()
add_executable(golden golden_test.cpp)
target_compile_options(golden PRIVATE -ffp-contract=off)
target_include_directories(golden PRIVATE ${TFLITE_INCLUDE})
target_link_libraries(golden ${TFLITE_LIBRARY})
add_test(NAME golden COMMAND golden WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})

//# helper row
/** A row of the table by its columns' names: numbers and words. */
using Row = std::map<std::string, std::variant<double, std::string>>;

//# helper number
inline void number(std::vector<float>& out, const Row& row, const std::string& name,
                   const double* missing = nullptr) {
    const auto found = row.find(name);
    if (found == row.end() && !missing) throw std::invalid_argument(name + " is missing");
    out.push_back(float(found == row.end() ? *missing : std::get<double>(found->second)));
}

//# helper index
/** The place of a category; `missing` and `unknown` are places, -2 is an error. */
inline int index(const Row& row, const std::string& name, const std::vector<std::string>& names,
                 int missing = -2, int unknown = -2) {
    const auto found = row.find(name);
    if (found == row.end() && missing != -2) return missing;
    if (found == row.end()) throw std::invalid_argument(name + " is missing");
    const auto& value = std::get<std::string>(found->second);
    const auto place = std::find(names.begin(), names.end(), value);
    if (place != names.end()) return int(place - names.begin());
    if (unknown == -2) throw std::invalid_argument(name + " is not one of its categories");
    return unknown;
}

//# helper ordinal
inline void ordinal(std::vector<float>& out, int place) {
    out.push_back(float(place));
}

//# helper one_hot
inline void one_hot(std::vector<float>& out, int place, int count) {
    for (int n = 0; n < count; ++n) out.push_back(n == place ? 1.0f : 0.0f);
}
