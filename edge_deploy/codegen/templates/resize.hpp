//# picture
/** Three bytes a pixel: red, green, blue. */
struct Picture {
    int height = 0, width = 0;
    std::vector<uint8_t> rgb;
};

//# filter box
inline constexpr double kSupport = 0.5;

inline double filter(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

//# filter bilinear
inline constexpr double kSupport = 1.0;

inline double filter(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

//# filter hamming
inline constexpr double kSupport = 1.0;

inline double filter(double x) {
    const double place = std::abs(x);
    if (place == 0.0) return 1.0;
    if (place >= 1.0) return 0.0;
    const double turn = place * 3.14159265358979323846;
    return std::sin(turn) / turn * (double(0.54f) + double(0.46f) * std::cos(turn));
}

//# filter bicubic
inline constexpr double kSupport = 2.0;

inline double filter(double x) {
    const double a = -0.5, place = std::abs(x);
    if (place < 1.0) return ((a + 2) * place - (a + 3)) * place * place + 1;
    return place < 2.0 ? (((place - 5) * place + 8) * place - 4) * a : 0.0;
}

//# filter lanczos
inline constexpr double kSupport = 3.0;

inline double sinc(double x) {
    const double turn = x * 3.14159265358979323846;
    return x == 0.0 ? 1.0 : std::sin(turn) / turn;
}

inline double filter(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0.0; }

//# box whole
struct Box {
    float left, top, right, bottom;
};

/** The part that is resized. */
inline Box box(const Picture& picture) {
    return {0.0f, 0.0f, float(picture.width), float(picture.height)};
}

//# box center
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

//# pillow
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

/** Pillow's @method@, bit for bit; OpenCV's and stb's give other pixels. */
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

//# nearest
inline std::vector<int> places(float start, float end, int size, int old) {
    const double step = double(end - start) / size;
    double place = start + step * 0.5;
    std::vector<int> result;
    for (int n = 0; n < size; ++n) {
        const int index = place < 0 ? -1 : int(place);
        place += step;
        result.push_back(index < old ? index : -1);
    }
    return result;
}

/** Pillow's nearest, pixel for pixel: a sum of steps, cut off. */
inline Picture resize(const Picture& picture) {
    const Box part = box(picture);
    const auto columns = places(part.left, part.right, kWidth, picture.width);
    const auto rows = places(part.top, part.bottom, kHeight, picture.height);
    Picture out{kHeight, kWidth, {}};
    for (int y : rows)
        for (int x : columns)
            for (int c = 0; c < 3; ++c)
                out.rgb.push_back(
                    y < 0 || x < 0 ? 0 : picture.rgb[(size_t(y) * picture.width + x) * 3 + c]);
    return out;
}

//# smart crop
/** The largest centred part of whole pixels with the wanted aspect, as Keras' smart_resize. */
inline Picture cropped(const Picture& picture) {
    const int wanted_height = int(double(picture.width) * kHeight / kWidth);
    const int wanted_width = int(double(picture.height) * kWidth / kHeight);
    const int height = std::max(1, std::min(picture.height, wanted_height));
    const int width = std::max(1, std::min(picture.width, wanted_width));
    const int top = (picture.height - height) / 2, left = (picture.width - width) / 2;
    Picture out{height, width, {}};
    for (int y = 0; y < height; ++y) {
        const auto from = picture.rgb.begin() + (size_t(top + y) * picture.width + left) * 3;
        out.rgb.insert(out.rgb.end(), from, from + width * 3);
    }
    return out;
}

//# tf-nearest
inline std::vector<int> places(int size, int old) {
    const float scale = float(old) / float(size);
    std::vector<int> result;
    for (int n = 0; n < size; ++n) {
        const float center = (float(n) + 0.5f) * scale;
        result.push_back(std::min(int(center), old - 1));
    }
    return result;
}

/** TensorFlow's nearest, pixel for pixel. */
inline Picture resize(const Picture& picture) {
    const auto columns = places(kWidth, picture.width);
    Picture out{kHeight, kWidth, {}};
    for (int y : places(kHeight, picture.height))
        for (int x : columns)
            for (int c = 0; c < 3; ++c)
                out.rgb.push_back(picture.rgb[(size_t(y) * picture.width + x) * 3 + c]);
    return out;
}

//# tf-bilinear
struct Between {
    int low, high;
    float share;
};

inline std::vector<Between> between(int size, int old) {
    const float scale = float(old) / float(size);
    std::vector<Between> result;
    for (int n = 0; n < size; ++n) {
        const float center = (float(n) + 0.5f) * scale;
        const float place = center - 0.5f, floor = std::floor(place);
        const int high = std::min(int(std::ceil(place)), old - 1);
        result.push_back({std::max(int(floor), 0), high, place - floor});
    }
    return result;
}

inline float mix(float a, float b, float share) {
    const float part = (b - a) * share;
    return a + part;
}

/** TensorFlow's bilinear without antialiasing: three floats a pixel. */
inline std::vector<float> resize(const Picture& picture) {
    if (picture.height == kHeight && picture.width == kWidth)
        return std::vector<float>(picture.rgb.begin(), picture.rgb.end());
    const auto columns = between(kWidth, picture.width);
    std::vector<float> out;
    for (const Between& y : between(kHeight, picture.height))
        for (const Between& x : columns)
            for (int c = 0; c < 3; ++c) {
                const auto pixel = [&](int row, int column) {
                    return float(picture.rgb[(size_t(row) * picture.width + column) * 3 + c]);
                };
                const float upper = mix(pixel(y.low, x.low), pixel(y.low, x.high), x.share);
                const float lower = mix(pixel(y.high, x.low), pixel(y.high, x.high), x.share);
                out.push_back(mix(upper, lower, y.share));
            }
    return out;
}
