// Caffe's convolutions, poolings and normalisations by windows against plain loops written after its
// formulas.
#include "caffe_one_layer.h"

#include <cmath>
#include <limits>

namespace sinter::test {
namespace {

struct Window {
  int64_t kernel_h, kernel_w, stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation = 1, groups = 1;
};

std::string text_of(const Window& w) {
  return "kernel_h: " + std::to_string(w.kernel_h) + " kernel_w: " + std::to_string(w.kernel_w) +
         " stride_h: " + std::to_string(w.stride_h) + " stride_w: " + std::to_string(w.stride_w) +
         " pad_h: " + std::to_string(w.pad_h) + " pad_w: " + std::to_string(w.pad_w);
}

// An element of [N, C, H, W], 0 outside.
double at(const Elements& x, int64_t n, int64_t c, int64_t h, int64_t w) {
  const auto& d = x.dims;
  if (h < 0 || w < 0 || h >= d[2] || w >= d[3])
    return 0;
  return x.values[static_cast<std::size_t>(((n * d[1] + c) * d[2] + h) * d[3] + w)];
}

// Calls element(n, c, h, w) for every element of a result of extents `dims`.
template <class F>
Elements make(const std::vector<int64_t>& dims, F element) {
  Elements result{dims, {}};
  for (int64_t n = 0; n < dims[0]; ++n)
    for (int64_t c = 0; c < dims[1]; ++c)
      for (int64_t h = 0; h < dims[2]; ++h)
        for (int64_t w = 0; w < dims[3]; ++w)
          result.values.push_back(static_cast<float>(element(n, c, h, w)));
  return result;
}

Elements convolve(const Elements& x, const Elements& filter, const Elements& bias, const Window& w) {
  const int64_t per_group = filter.dims[0] / w.groups, inputs = filter.dims[1];
  const int64_t reach_h = w.dilation * (w.kernel_h - 1) + 1, reach_w = w.dilation * (w.kernel_w - 1) + 1;
  return make({x.dims[0], filter.dims[0], (x.dims[2] + 2 * w.pad_h - reach_h) / w.stride_h + 1,
               (x.dims[3] + 2 * w.pad_w - reach_w) / w.stride_w + 1},
              [&](int64_t n, int64_t m, int64_t oh, int64_t ow) {
                double sum = bias.values[static_cast<std::size_t>(m)];
                for (int64_t c = 0; c < inputs; ++c)
                  for (int64_t i = 0; i < w.kernel_h; ++i)
                    for (int64_t j = 0; j < w.kernel_w; ++j)
                      sum += at(filter, m, c, i, j) * at(x, n, m / per_group * inputs + c,
                                                         oh * w.stride_h - w.pad_h + i * w.dilation,
                                                         ow * w.stride_w - w.pad_w + j * w.dilation);
                return sum;
              });
}

TEST(CaffeWindows, Convolution) {
  const Window w{.kernel_h = 3, .kernel_w = 2, .stride_h = 2, .pad_h = 1, .dilation = 2, .groups = 2};
  const Elements x = some({2, 4, 9, 8}, 1), filter = some({6, 2, 3, 2}, 2), bias = some({6}, 3);
  const auto layer = [&](const std::string& more) {
    return OneLayer("Convolution",
                    "convolution_param { num_output: 6 group: 2 dilation: 2 " + text_of(w) + more + "}")
        .x(x)
        .blob(filter);
  };
  expect_elements(layer("").blob(bias).run(), convolve(x, filter, bias, w));
  expect_elements(layer(" bias_term: false ").run(), convolve(x, filter, {{6}, std::vector<float>(6)}, w));
}

// One number for all dimensions, or one for each; one and three of them.
TEST(CaffeWindows, ConvolutionOfOtherRanks) {
  const Elements x = some({1, 2, 7, 1}, 4), filter = some({3, 2, 3, 1}, 5), bias = some({3}, 6);
  const Elements expected =
      convolve(x, filter, bias, {.kernel_h = 3, .kernel_w = 1, .stride_h = 2, .pad_h = 1});
  OneLayer line("Convolution", "convolution_param { num_output: 3 kernel_size: 3 stride: 2 pad: 1 }");
  line.x({{1, 2, 7}, x.values}).blob({{3, 2, 3}, filter.values}).blob(bias);
  expect_elements(line.run(), {{1, 3, 4}, expected.values});
  OneLayer cube("Convolution",
                "convolution_param { num_output: 3 kernel_size: [3, 1, 1] stride: 2 pad: 1 pad: 0 pad: 0 }");
  cube.x({{1, 2, 7, 1, 1}, x.values}).blob({{3, 2, 3, 1, 1}, filter.values}).blob(bias);
  expect_elements(cube.run(), {{1, 3, 4, 1, 1}, expected.values});
}

// What convolution takes from x is given back to where it came from.
TEST(CaffeWindows, Deconvolution) {
  const Window w{
      .kernel_h = 4, .kernel_w = 3, .stride_h = 2, .stride_w = 3, .pad_h = 1, .pad_w = 0, .groups = 2};
  const Elements x = some({2, 4, 3, 4}, 7), filter = some({4, 3, 4, 3}, 8), bias = some({6}, 9);
  const int64_t height = w.stride_h * 2 + 4 - 2, width = w.stride_w * 3 + 3;
  const Elements expected = make({2, 6, height, width}, [&](int64_t n, int64_t m, int64_t oh, int64_t ow) {
    double sum = bias.values[static_cast<std::size_t>(m)];
    const int64_t group = m / 3;
    for (int64_t c = group * 2; c < group * 2 + 2; ++c)
      for (int64_t ih = 0; ih < 3; ++ih)
        for (int64_t iw = 0; iw < 4; ++iw)
          sum += at(x, n, c, ih, iw) *
                 at(filter, c, m % 3, oh + w.pad_h - ih * w.stride_h, ow + w.pad_w - iw * w.stride_w);
    return sum;
  });
  OneLayer layer("Deconvolution", "convolution_param { num_output: 6 group: 2 " + text_of(w) + "}");
  expect_elements(layer.x(x).blob(filter).blob(bias).run(), expected);
}

// How Caffe's own pooling counts its windows, and what it averages over.
struct CaffePooling {
  Window w;
  bool ceil = true;

  int64_t count(int64_t extent, int64_t kernel, int64_t stride, int64_t pad) const {
    const double windows = static_cast<double>(extent + 2 * pad - kernel) / static_cast<double>(stride);
    int64_t pooled = static_cast<int64_t>(ceil ? std::ceil(windows) : std::floor(windows)) + 1;
    if ((w.pad_h != 0 || w.pad_w != 0) && (pooled - 1) * stride >= extent + pad)
      --pooled;
    return pooled;
  }

  Elements operator()(const Elements& x, bool average) const {
    const int64_t height = x.dims[2], width = x.dims[3];
    return make({x.dims[0], x.dims[1], count(height, w.kernel_h, w.stride_h, w.pad_h),
                 count(width, w.kernel_w, w.stride_w, w.pad_w)},
                [&](int64_t n, int64_t c, int64_t ph, int64_t pw) {
                  int64_t hstart = ph * w.stride_h - w.pad_h, wstart = pw * w.stride_w - w.pad_w;
                  int64_t hend = std::min(hstart + w.kernel_h, height + w.pad_h);
                  int64_t wend = std::min(wstart + w.kernel_w, width + w.pad_w);
                  const auto area = static_cast<double>((hend - hstart) * (wend - wstart));
                  hstart = std::max<int64_t>(hstart, 0), wstart = std::max<int64_t>(wstart, 0);
                  hend = std::min(hend, height), wend = std::min(wend, width);
                  double most = std::numeric_limits<double>::lowest(), sum = 0;
                  for (int64_t h = hstart; h < hend; ++h)
                    for (int64_t v = wstart; v < wend; ++v) {
                      most = std::max(most, at(x, n, c, h, v));
                      sum += at(x, n, c, h, v);
                    }
                  return average ? sum / area : most;
                });
  }
};

void expect_pooling(const Elements& x, const CaffePooling& pooling) {
  SCOPED_TRACE(text_of(pooling.w));
  const std::string rest = text_of(pooling.w) + (pooling.ceil ? "" : " round_mode: FLOOR") + " }";
  expect_elements(OneLayer("Pooling", "pooling_param { pool: MAX " + rest).x(x).run(), pooling(x, false));
  expect_elements(OneLayer("Pooling", "pooling_param { pool: AVE " + rest).x(x).run(), pooling(x, true));
}

// Every kernel, stride and padding that is smaller than the kernel, over extents around all of them.
TEST(CaffeWindows, PoolingOfAllSmallWindows) {
  int checked = 0;
  for (int64_t extent = 3; extent <= 6; ++extent)
    for (int64_t kernel = 1; kernel <= 4; ++kernel)
      for (int64_t stride = 1; stride <= 4; ++stride)
        for (int64_t pad = 0; pad < kernel; ++pad) {
          const CaffePooling pooling{{kernel, 2, stride, 2, pad, 1}, (kernel + stride) % 3 != 0};
          if (pooling.count(extent, kernel, stride, pad) < 1)
            continue;
          expect_pooling(some({1, 2, extent, 5}, static_cast<uint64_t>(100 * extent + 10 * kernel + stride)),
                         pooling);
          ++checked;
        }
  EXPECT_GT(checked, 120);
}

// GoogLeNet's poolings among them: the last window reaches past the end of the input, with padding or
// without.
TEST(CaffeWindows, PoolingRoundsUp) {
  expect_pooling(some({1, 2, 112, 112}, 10), {{3, 3, 2, 2}});
  expect_pooling(some({1, 2, 14, 14}, 11), {{5, 5, 3, 3}});
  expect_pooling(some({2, 1, 8, 8}, 12), {{3, 3, 2, 2, 1, 1}});
  expect_pooling(some({2, 1, 6, 6}, 13), {{2, 2, 2, 2, 1, 1}}); // the last of the windows is dropped
}

// The kernel is larger than the input, by less than a stride: Caffe's rounding makes that one window.
TEST(CaffeWindows, PoolingWithALargeKernel) {
  expect_pooling(some({1, 3, 6, 6}, 14), {{7, 7, 2, 2}});
  expect_pooling(some({1, 3, 5, 4}, 15), {{8, 3, 4, 1, 1, 1}});
}

TEST(CaffeWindows, GlobalPooling) {
  const Elements x = some({2, 3, 4, 5}, 16);
  const CaffePooling all{{4, 5}};
  OneLayer most("Pooling", "pooling_param { pool: MAX global_pooling: true }");
  expect_elements(most.x(x).run(), all(x, false));
  OneLayer mean("Pooling", "pooling_param { pool: AVE global_pooling: true }");
  expect_elements(mean.x(x).run(), all(x, true));
}

TEST(CaffeWindows, PoolingThatCaffeLeavesUndefined) {
  const OneLayer outside =
      OneLayer("Pooling", "pooling_param { kernel_size: 1 stride: 3 }").x(some({1, 1, 5, 5}, 1));
  EXPECT_EQ(outside.error(),
            "layer 'layer' (Pooling): the last window starts at 6, outside of the bottom's extent 5; "
            "what Caffe computes there is undefined");
}

TEST(CaffeWindows, LrnAcrossChannels) {
  const Elements x = some({2, 7, 3, 2}, 17);
  const Elements expected = make(x.dims, [&](int64_t n, int64_t c, int64_t h, int64_t w) {
    double sum = 0;
    for (int64_t other = std::max<int64_t>(0, c - 1); other <= std::min<int64_t>(6, c + 1); ++other)
      sum += at(x, n, other, h, w) * at(x, n, other, h, w);
    return at(x, n, c, h, w) * std::pow(2 + 0.5 / 3 * sum, -0.6);
  });
  OneLayer layer("LRN", "lrn_param { local_size: 3 alpha: 0.5 beta: 0.6 k: 2 }");
  expect_elements(layer.x(x).run(), expected);
}

TEST(CaffeWindows, LrnWithinAChannel) {
  const Elements x = some({2, 2, 6, 5}, 18);
  const Elements expected = make(x.dims, [&](int64_t n, int64_t c, int64_t h, int64_t w) {
    double sum = 0;
    for (int64_t i = h - 1; i <= h + 1; ++i)
      for (int64_t j = w - 1; j <= w + 1; ++j)
        sum += at(x, n, c, i, j) * at(x, n, c, i, j);
    return at(x, n, c, h, w) * std::pow(1 + 0.5 / 9 * sum, -0.75);
  });
  OneLayer layer("LRN", "lrn_param { local_size: 3 alpha: 0.5 beta: 0.75 norm_region: WITHIN_CHANNEL }");
  expect_elements(layer.x(x).run(), expected);
}

} // namespace
} // namespace sinter::test
