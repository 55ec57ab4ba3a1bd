// Convolution: windows unrolled into columns and multiplied, or direct loops where groups are thin.
#include "sinter/runtime/eager/conv.h"

#include "conv_columns.h"
#include "conv_scratch.h"
#include "matmul_gemm.h"
#include "sinter/runtime/eager/movement.h"
#include "sinter/runtime/error.h"

namespace sinter::eager {
namespace {

template <class T>
class Convolution {
public:
  // `filter` and `result` are dense.
  Convolution(const View& input, const View& filter, const View* bias, const View& result,
              const ConvGeometry& geometry)
      : in_(input), filter_(filter), out_(result),
        steps_{spatial(geometry.strides, 1), spatial(geometry.dilations, 1), spatial(geometry.pad_begin, 0)},
        groups_(geometry.groups), source_(input.as<const T>()), weights_(filter.as<const T>()),
        target_(result.as<T>()), bias_(bias) {}

  void run() {
    for (int64_t n = 0; n < out_.batch; ++n)
      for (int64_t g = 0; g < groups_; ++g)
        run_group(source_ + n * in_.batch_stride + g * in_channels() * in_.channel_stride,
                  weights_ + g * out_channels() * filter_.batch_stride,
                  target_ + n * out_.batch_stride + g * out_channels() * out_.channel_stride, g);
  }

private:
  int64_t in_channels() const { return filter_.channels; }
  int64_t out_channels() const { return out_.channels / groups_; }
  int64_t depth() const { return in_channels() * filter_.positions(); } // of the matrix product

  bool is_pointwise() const {
    return filter_.positions() == 1 && steps_.stride == Spatial{1, 1, 1} && steps_.pad == Spatial{0, 0, 0} &&
           in_.extent == out_.extent && in_.channel_is_dense();
  }

  void run_group(const T* source, const T* weights, T* target, int64_t group) {
    constexpr int64_t thin = 8; // products this narrow are slower than loops
    const bool direct = in_channels() * out_channels() <= thin;
    const bool accumulate = bias_ || direct;
    if (accumulate)
      start(target, group);
    if (direct)
      run_direct(source, weights, target);
    else if (is_pointwise())
      gemm<T>(out_channels(), out_.positions(), depth(), {weights, depth(), 1},
              {source, in_.channel_stride, 1}, target, out_.positions(), accumulate);
    else
      run_columns(source, weights, target, accumulate);
  }

  // Sums start at the bias.
  void start(T* target, int64_t group) {
    for (int64_t m = 0; m < out_channels(); ++m)
      std::fill_n(target + m * out_.channel_stride, out_.positions(),
                  bias_ ? bias_->as<const T>()[(group * out_channels() + m) * bias_->strides[0]] : T{});
  }

  void run_columns(const T* source, const T* weights, T* target, bool accumulate) {
    const int64_t rows = out_.extent[0] * out_.extent[1], width = out_.extent[2];
    const int64_t piece = rows_in_piece<T>(rows, depth() * width);
    T* columns = column_scratch<T>(depth() * piece * width);
    for (int64_t row = 0; row < rows; row += piece) {
      const int64_t count = std::min(piece, rows - row);
      unroll_columns(in_, source, in_channels(), filter_.extent, steps_, out_.extent, columns, row, count);
      gemm<T>(out_channels(), count * width, depth(), {weights, depth(), 1}, {columns, count * width, 1},
              target + row * width, out_.positions(), accumulate);
    }
  }

  void run_direct(const T* source, const T* weights, T* target) {
    for (int64_t m = 0; m < out_channels(); ++m)
      for (int64_t c = 0; c < in_channels(); ++c)
        for_each_tap(filter_.extent, [&](int64_t tap, int64_t kd, int64_t kh, int64_t kw) {
          add_tap(source + c * in_.channel_stride, target + m * out_.channel_stride,
                  weights[(m * in_channels() + c) * filter_.positions() + tap], kd, kh, kw);
        });
  }

  void add_tap(const T* channel, T* target, T weight, int64_t kd, int64_t kh, int64_t kw) {
    const Spatial shift{kd * steps_.dilation[0] - steps_.pad[0], kh * steps_.dilation[1] - steps_.pad[1],
                        kw * steps_.dilation[2] - steps_.pad[2]};
    const Range depth = Range::inside(out_.extent[0], steps_.stride[0], shift[0], in_.extent[0]);
    const Range height = Range::inside(out_.extent[1], steps_.stride[1], shift[1], in_.extent[1]);
    const Range width = Range::inside(out_.extent[2], steps_.stride[2], shift[2], in_.extent[2]);
    const int64_t step = steps_.stride[2] * in_.stride[2], size = width.end - width.begin;
    if (size == 0)
      return;
    for (int64_t d = depth.begin; d < depth.end; ++d)
      for (int64_t h = height.begin; h < height.end; ++h) {
        const T* from = channel + in_.offset(d * steps_.stride[0] + shift[0], h * steps_.stride[1] + shift[1],
                                             width.begin * steps_.stride[2] + shift[2]);
        T* to = target + out_.offset(d, h, width.begin);
        if (step == 1)
          for (int64_t i = 0; i < size; ++i)
            to[i] += weight * from[i];
        else
          for (int64_t i = 0; i < size; ++i)
            to[i] += weight * from[i * step];
      }
  }

  Volume in_, filter_, out_;
  WindowSteps steps_;
  int64_t groups_;
  const T* source_;
  const T* weights_;
  T* target_;
  const View* bias_;
};

} // namespace

void conv(const View& input, const View& filter, const View* bias, const View& result,
          const ConvGeometry& geometry) {
  if (result.elements() == 0)
    return;
  if (!filter.is_dense() || !result.is_dense()) {
    auto storage = Storage::allocate(filter.bytes() + result.bytes() + 64);
    const std::size_t filter_bytes = (filter.bytes() + 63) / 64 * 64;
    const View weights = View::dense(storage->data(), filter.dtype, filter.shape);
    const View dense = View::dense(storage->data() + filter_bytes, result.dtype, result.shape);
    copy(filter, weights);
    conv(input, weights, bias, dense, geometry);
    return copy(dense, result);
  }
  visit_floating(input.dtype, "conv", [&](auto zero) {
    // Dense views may have any stride where the extent is 1.
    Convolution<decltype(zero)>(input, View::dense(filter.data, filter.dtype, filter.shape), bias,
                                View::dense(result.data, result.dtype, result.shape), geometry)
        .run();
  });
}

} // namespace sinter::eager
