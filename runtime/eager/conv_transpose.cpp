// Transposed convolution: one matrix product gives what every input position adds to its window, then the
// windows are summed.
#include "sinter/runtime/eager/conv.h"

#include "conv_scratch.h"
#include "conv_volume.h"
#include "matmul_gemm.h"
#include "sinter/runtime/eager/movement.h"

namespace sinter::eager {
namespace {

template <class T>
class TransposedConvolution {
public:
  // All views but the bias are dense.
  TransposedConvolution(const View& input, const View& filter, const View* bias, const View& result,
                        const ConvGeometry& geometry)
      : in_(input), filter_(filter), out_(result), stride_(spatial(geometry.strides, 1)),
        dilation_(spatial(geometry.dilations, 1)), pad_(spatial(geometry.pad_begin, 0)),
        groups_(geometry.groups), source_(input.as<const T>()), weights_(filter.as<const T>()),
        target_(result.as<T>()), bias_(bias) {}

  void run() {
    const int64_t in_channels = in_.channels / groups_;
    for (int64_t n = 0; n < out_.batch; ++n) {
      start(target_ + n * out_.batch_stride);
      for (int64_t g = 0; g < groups_; ++g)
        run_group(source_ + n * in_.batch_stride + g * in_channels * in_.channel_stride,
                  weights_ + g * in_channels * filter_.batch_stride,
                  target_ + n * out_.batch_stride + g * filter_.channels * out_.channel_stride, in_channels);
    }
  }

private:
  // Sums start at the bias.
  void start(T* target) {
    for (int64_t m = 0; m < out_.channels; ++m)
      std::fill_n(target + m * out_.channel_stride, out_.positions(),
                  bias_ ? bias_->as<const T>()[m * bias_->strides[0]] : T{});
  }

  void run_group(const T* source, const T* weights, T* target, int64_t in_channels) {
    const int64_t rows = in_.extent[0] * in_.extent[1], width = in_.extent[2];
    const int64_t taps = filter_.channels * filter_.positions(); // of all output channels
    if (width == 0)
      return;
    const int64_t piece = rows_in_piece<T>(rows, taps * width);
    T* columns = column_scratch<T>(taps * piece * width);
    for (int64_t row = 0; row < rows; row += piece) {
      const int64_t count = std::min(piece, rows - row);
      gemm<T>(taps, count * width, in_channels, {weights, 1, taps},
              {source + row * width, in_.positions(), 1}, columns, count * width);
      const T* from = columns;
      for (int64_t m = 0; m < filter_.channels; ++m)
        for (int64_t kd = 0; kd < filter_.extent[0]; ++kd)
          for (int64_t kh = 0; kh < filter_.extent[1]; ++kh)
            for (int64_t kw = 0; kw < filter_.extent[2]; ++kw, from += count * width)
              add(from, target + m * out_.channel_stride, kd, kh, kw, row, count);
    }
  }

  // What input rows [row, row + count) add through one tap.
  void add(const T* from, T* channel, int64_t kd, int64_t kh, int64_t kw, int64_t row, int64_t count) {
    const int64_t width = in_.extent[2], shift = kw * dilation_[2] - pad_[2];
    const Range valid = Range::inside(width, stride_[2], shift, out_.extent[2]);
    if (valid.empty())
      return;
    for (int64_t r = row; r < row + count; ++r, from += width) {
      const int64_t d = (r / in_.extent[1]) * stride_[0] + kd * dilation_[0] - pad_[0];
      const int64_t h = (r % in_.extent[1]) * stride_[1] + kh * dilation_[1] - pad_[1];
      if (d < 0 || d >= out_.extent[0] || h < 0 || h >= out_.extent[1])
        continue;
      T* to = channel + out_.offset(d, h, valid.begin * stride_[2] + shift);
      for (int64_t i = 0; i < valid.end - valid.begin; ++i)
        to[i * stride_[2]] += from[valid.begin + i];
    }
  }

  Volume in_, filter_, out_;
  Spatial stride_, dilation_, pad_;
  int64_t groups_;
  const T* source_;
  const T* weights_;
  T* target_;
  const View* bias_;
};

// The view itself if it is dense, with the strides dense views of its shape have; else memory of its own.
View dense_like(const View& view, std::shared_ptr<Storage>& storage) {
  void* data = view.data;
  if (!view.is_dense()) {
    storage = Storage::allocate(view.bytes());
    data = storage->data();
  }
  return View::dense(data, view.dtype, view.shape);
}

} // namespace

void conv_transpose(const View& input, const View& filter, const View* bias, const View& result,
                    const ConvGeometry& geometry) {
  if (result.elements() == 0)
    return;
  std::shared_ptr<Storage> input_copy, filter_copy, result_copy;
  const View source = dense_like(input, input_copy), weights = dense_like(filter, filter_copy);
  const View target = dense_like(result, result_copy);
  if (input_copy)
    copy(input, source);
  if (filter_copy)
    copy(filter, weights);
  visit_floating(input.dtype, "conv_transpose", [&](auto zero) {
    TransposedConvolution<decltype(zero)>(source, weights, bias, target, geometry).run();
  });
  if (result_copy)
    copy(target, result);
}

} // namespace sinter::eager
