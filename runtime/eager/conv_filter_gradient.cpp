// The gradient of convolutions by their filters: the cotangent times what the taps meet, both unrolled into
// columns.
#include "sinter/runtime/eager/conv.h"

#include "conv_columns.h"
#include "conv_scratch.h"
#include "matmul_gemm.h"
#include "sinter/runtime/eager/movement.h"

namespace sinter::eager {
namespace {

template <class T>
class FilterGradient {
public:
  // `cotangent` and `filter` are dense.
  FilterGradient(const View& input, const View& cotangent, const View& filter, const ConvGeometry& geometry)
      : in_(input), out_(cotangent), filter_(filter),
        steps_{spatial(geometry.strides, 1), spatial(geometry.dilations, 1), spatial(geometry.pad_begin, 0)},
        groups_(geometry.groups), source_(input.as<const T>()), cotangent_(cotangent.as<const T>()),
        target_(filter.as<T>()) {}

  void run() {
    std::fill_n(target_, filter_.batch * filter_.channels * filter_.positions(), T{});
    const int64_t out_channels = out_.channels / groups_;
    for (int64_t n = 0; n < out_.batch; ++n)
      for (int64_t g = 0; g < groups_; ++g)
        add(source_ + n * in_.batch_stride + g * filter_.channels * in_.channel_stride,
            cotangent_ + n * out_.batch_stride + g * out_channels * out_.channel_stride,
            target_ + g * out_channels * filter_.batch_stride, out_channels);
  }

private:
  void add(const T* source, const T* cotangent, T* target, int64_t out_channels) {
    const int64_t rows = out_.extent[0] * out_.extent[1], width = out_.extent[2];
    const int64_t taps = filter_.channels * filter_.positions();
    const int64_t piece = rows_in_piece<T>(rows, taps * width);
    T* columns = column_scratch<T>(taps * piece * width);
    for (int64_t row = 0; row < rows; row += piece) {
      const int64_t count = std::min(piece, rows - row);
      unroll_columns(in_, source, filter_.channels, filter_.extent, steps_, out_.extent, columns, row, count);
      gemm<T>(out_channels, taps, count * width, {cotangent + row * width, out_.positions(), 1},
              {columns, 1, count * width}, target, taps, /*accumulate=*/true);
    }
  }

  Volume in_, out_, filter_;
  WindowSteps steps_;
  int64_t groups_;
  const T* source_;
  const T* cotangent_;
  T* target_;
};

} // namespace

void conv_filter_gradient(const View& input, const View& cotangent, const View& filter,
                          const ConvGeometry& geometry) {
  if (filter.elements() == 0)
    return;
  if (!cotangent.is_dense() || !filter.is_dense()) {
    const auto from = Storage::allocate(cotangent.bytes()), to = Storage::allocate(filter.bytes());
    const View sums = View::dense(to->data(), filter.dtype, filter.shape);
    const View values = View::dense(from->data(), cotangent.dtype, cotangent.shape);
    copy(cotangent, values);
    conv_filter_gradient(input, values, sums, geometry);
    return copy(sums, filter);
  }
  visit_floating(input.dtype, "conv_filter_gradient", [&](auto zero) {
    // Dense views may have any stride where the extent is 1.
    FilterGradient<decltype(zero)>(input, View::dense(cotangent.data, cotangent.dtype, cotangent.shape),
                                   View::dense(filter.data, filter.dtype, filter.shape), geometry)
        .run();
  });
}

} // namespace sinter::eager
