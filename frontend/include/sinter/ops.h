// Operations on tensors. Each runs at once on concrete tensors and is recorded on traced ones; each throws
// Error naming the caller's line, the operation and the operands' shapes if they do not fit. Operands of
// elementwise operations broadcast (NumPy rules) and agree in dtype; dimensions count from 0, negative ones
// from the end.
#pragma once

#include "sinter/tensor.h"

#include <limits>
#include <optional>
#include <type_traits>

namespace sinter {

/// A tensor or a number; a number takes the dtype of the tensors it meets, and must be representable in it.
/// Lives only as long as the call. Made by implicit conversion, it remembers where.
class Operand {
public:
  Operand(const Tensor& tensor, SourceLocation where = SourceLocation::current())
      : tensor_(&tensor), where_(where) {}
  template <class Number>
    requires std::is_arithmetic_v<Number>
  Operand(Number number, SourceLocation where = SourceLocation::current())
      : number_(static_cast<double>(number)), where_(where) {}

  const Tensor* tensor() const { return tensor_; }
  double number() const { return number_; }
  const SourceLocation& where() const { return where_; }

private:
  const Tensor* tensor_ = nullptr;
  double number_ = 0;
  SourceLocation where_;
};

/// Dimensions: `1`, or `{0, -1}`.
class Axes {
public:
  Axes() = default;
  Axes(int axis) : list_{axis} {}
  Axes(std::initializer_list<int64_t> axes) : list_(axes) {}
  explicit Axes(const Shape& axes) : list_(axes) {}
  const Shape& list() const { return list_; }

private:
  Shape list_;
};

//===-- Arithmetic ----------------------------------------------------------------------------------===//

Tensor add(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
Tensor sub(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
Tensor mul(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
/// Integers truncate towards zero, and x / 0 is 0.
Tensor div(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
Tensor pow(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
Tensor maximum(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
Tensor minimum(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
/// a - b * floor(a / b): the sign of b, as Python's %.
Tensor remainder(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
/// a - b * trunc(a / b): the sign of a, as C's fmod.
Tensor fmod(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());

Tensor abs(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor neg(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor sign(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor reciprocal(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor square(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor sqrt(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor rsqrt(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor exp(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor log(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor sin(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor cos(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor tanh(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor erf(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor floor(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor ceil(const Tensor& x, SourceLocation where = SourceLocation::current());
/// To the nearest integer, halves to the even one.
Tensor round(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor clip(const Tensor& x, double low, double high, SourceLocation where = SourceLocation::current());

/// x, which derivatives take for a constant.
Tensor stop_gradient(const Tensor& x, SourceLocation where = SourceLocation::current());

//===-- Comparison, logic, choice -------------------------------------------------------------------===//

Tensor equal(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
Tensor not_equal(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
Tensor less(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
Tensor less_equal(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
Tensor greater(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
Tensor greater_equal(const Operand& a, const Operand& b, SourceLocation where = SourceLocation::current());
Tensor logical_and(const Tensor& a, const Tensor& b, SourceLocation where = SourceLocation::current());
Tensor logical_or(const Tensor& a, const Tensor& b, SourceLocation where = SourceLocation::current());
Tensor logical_xor(const Tensor& a, const Tensor& b, SourceLocation where = SourceLocation::current());
Tensor logical_not(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor is_nan(const Tensor& x, SourceLocation where = SourceLocation::current());
/// `a` where the bool `condition` holds, else `b`; all three broadcast.
Tensor where(const Tensor& condition, const Operand& a, const Operand& b,
             SourceLocation location = SourceLocation::current());
/// Floats truncate to integers, saturating; numbers other than 0 are true.
Tensor cast(const Tensor& x, DType dtype, SourceLocation where = SourceLocation::current());

//===-- Activations ---------------------------------------------------------------------------------===//

Tensor relu(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor sigmoid(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor silu(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor softplus(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor softsign(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor mish(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor hard_swish(const Tensor& x, SourceLocation where = SourceLocation::current());
/// max(0, min(1, alpha * x + beta))
Tensor hard_sigmoid(const Tensor& x, double alpha = 1.0 / 6, double beta = 0.5,
                    SourceLocation where = SourceLocation::current());
Tensor gelu(const Tensor& x, bool tanh_approximation = false,
            SourceLocation where = SourceLocation::current());
Tensor leaky_relu(const Tensor& x, double slope = 0.01, SourceLocation where = SourceLocation::current());
Tensor elu(const Tensor& x, double alpha = 1, SourceLocation where = SourceLocation::current());
Tensor selu(const Tensor& x, SourceLocation where = SourceLocation::current());
/// x where x >= 0, else slope * x; slope broadcasts to x.
Tensor prelu(const Tensor& x, const Tensor& slope, SourceLocation where = SourceLocation::current());

//===-- Reductions ----------------------------------------------------------------------------------===//

// Without axes, over all dimensions. With `keep_dims`, reduced dimensions stay as extent 1.
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keep_dims = false,
           SourceLocation where = SourceLocation::current());
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keep_dims = false,
            SourceLocation where = SourceLocation::current());
Tensor max(const Tensor& x, const Axes& axes = {}, bool keep_dims = false,
           SourceLocation where = SourceLocation::current());
Tensor min(const Tensor& x, const Axes& axes = {}, bool keep_dims = false,
           SourceLocation where = SourceLocation::current());
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keep_dims = false,
            SourceLocation where = SourceLocation::current());
/// Index (i64) of the first largest / smallest element along one axis.
Tensor argmax(const Tensor& x, int axis, bool keep_dims = false,
              SourceLocation where = SourceLocation::current());
Tensor argmin(const Tensor& x, int axis, bool keep_dims = false,
              SourceLocation where = SourceLocation::current());

//===-- Products, convolutions, pooling -------------------------------------------------------------===//

/// a [..., m, k] times b [..., k, n] gives [..., m, n]; leading dimensions broadcast. A vector counts as one
/// row on the left and one column on the right, and that dimension is dropped from the result.
Tensor matmul(const Tensor& a, const Tensor& b, SourceLocation where = SourceLocation::current());
/// x [..., in] times the transpose of weight [out, in], plus bias [out].
Tensor linear(const Tensor& x, const Tensor& weight, SourceLocation where = SourceLocation::current());
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
              SourceLocation where = SourceLocation::current());

/// softmax(scale * q k^T + mask) v, for every row of q [..., m, d], with k [..., n, d] and v [..., n, e].
/// Gives [..., m, e]. The other dimensions (batch, heads) broadcast. `scale` is 1 / sqrt(d) unless it is
/// given. `mask` broadcasts to [..., m, n]; numbers are added to the scores, bool says which keys a row
/// attends to (a row without any gives NaN). All are of one floating-point type; where that is not f64, the
/// mask may be of bool or f32. Where there is a kernel for it (of f32; on GPUs, of f16 and bf16, too), the
/// matrix of scores is never whole in memory.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const std::optional<Tensor>& mask = std::nullopt,
                                    std::optional<double> scale = std::nullopt,
                                    SourceLocation where = SourceLocation::current());

/// Each list has an entry per spatial dimension, or one for all of them, or none for the default.
struct ConvOptions {
  Shape strides = {}; ///< default 1
  Shape padding = {}; ///< before and, unless `padding_end` says otherwise, after; default 0
  Shape padding_end = {};
  Shape dilations = {}; ///< default 1
  int64_t groups = 1;
  Shape output_padding = {}; ///< conv_transpose only; default 0
};
/// x [N, C, spatial...], weight [M, C / groups, kernel...], bias [M] give [N, M, spatial...]; 1 to 3 spatial
/// dimensions.
Tensor conv(const Tensor& x, const Tensor& weight, const ConvOptions& options = {},
            SourceLocation where = SourceLocation::current());
Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options = {},
            SourceLocation where = SourceLocation::current());
/// x [N, C, spatial...], weight [C, M / groups, kernel...], bias [M] give [N, M, spatial...].
Tensor conv_transpose(const Tensor& x, const Tensor& weight, const ConvOptions& options = {},
                      SourceLocation where = SourceLocation::current());
Tensor conv_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias,
                      const ConvOptions& options = {}, SourceLocation where = SourceLocation::current());

/// Lists as in ConvOptions.
struct PoolOptions {
  Shape kernel = {};
  Shape strides = {}; ///< default: the kernel
  Shape padding = {}; ///< before and, unless `padding_end` says otherwise, after; default 0
  Shape padding_end = {};
  Shape dilations = {};           ///< default 1
  bool ceil_mode = false;         ///< also windows that begin inside but end outside
  bool count_include_pad = false; ///< avg_pool only: padding counts as zeros
};
Tensor max_pool(const Tensor& x, const PoolOptions& options,
                SourceLocation where = SourceLocation::current());
Tensor avg_pool(const Tensor& x, const PoolOptions& options,
                SourceLocation where = SourceLocation::current());
/// x [N, C, spatial...] gives [N, C, 1...].
Tensor global_avg_pool(const Tensor& x, SourceLocation where = SourceLocation::current());
Tensor global_max_pool(const Tensor& x, SourceLocation where = SourceLocation::current());

//===-- Normalisations ------------------------------------------------------------------------------===//

Tensor softmax(const Tensor& x, int axis = -1, SourceLocation where = SourceLocation::current());
Tensor log_softmax(const Tensor& x, int axis = -1, SourceLocation where = SourceLocation::current());
/// (x - mean) / sqrt(variance + epsilon) * scale + bias over the last dimensions, as many as `scale` has.
Tensor layer_norm(const Tensor& x, const Tensor& scale, double epsilon = 1e-5,
                  SourceLocation where = SourceLocation::current());
Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& bias, double epsilon = 1e-5,
                  SourceLocation where = SourceLocation::current());
/// Per channel (dimension 1), with given statistics.
Tensor batch_norm(const Tensor& x, const Tensor& scale, const Tensor& bias, const Tensor& mean,
                  const Tensor& variance, double epsilon = 1e-5,
                  SourceLocation where = SourceLocation::current());
/// x / (bias + alpha / size * sum of x^2 over `size` channels around)^beta
Tensor lrn(const Tensor& x, int64_t size, double alpha = 1e-4, double beta = 0.75, double bias = 1,
           SourceLocation where = SourceLocation::current());

//===-- Losses --------------------------------------------------------------------------------------===//

/// What becomes of the losses of all lines.
enum class Reduction : uint8_t { mean, sum, none };

/// -log_softmax(logits) along an axis, at the class of each line, by one kernel. `targets` is either a class
/// (i32 or i64) for each line, of the shape of the logits without the axis, or, of their type and shape, a
/// weight for every class, such as a probability. Gives one number, or, not reduced, one for each line. Lines
/// whose class is negative count nothing, in the mean neither: NaN if there is no other. Throws Error for a
/// class past the last; where classes cannot be looked at, because they are arguments of a compiled function,
/// computed in one, or lie on a GPU, that line's loss, and its derivative, are NaN.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, int axis = -1,
                     Reduction reduction = Reduction::mean, SourceLocation where = SourceLocation::current());

//===-- Shape ---------------------------------------------------------------------------------------===//

// On concrete tensors, reshape (where strides allow), transpose, permute, slice, squeeze, unsqueeze, flatten
// and broadcast_to share the operand's storage.

/// One extent may be -1: what remains.
Tensor reshape(const Tensor& x, const Shape& shape, SourceLocation where = SourceLocation::current());
/// Dimensions [first, last] become one.
Tensor flatten(const Tensor& x, int first = 0, int last = -1,
               SourceLocation where = SourceLocation::current());
/// A new dimension of extent 1 before dimension `axis` of the result.
Tensor unsqueeze(const Tensor& x, int axis, SourceLocation where = SourceLocation::current());
/// Drops dimensions of extent 1.
Tensor squeeze(const Tensor& x, const Axes& axes, SourceLocation where = SourceLocation::current());
Tensor transpose(const Tensor& x, int a, int b, SourceLocation where = SourceLocation::current());
/// Result dimension i is x's dimension permutation[i].
Tensor permute(const Tensor& x, const Shape& permutation, SourceLocation where = SourceLocation::current());
/// Elements start, start + step, ... before stop along one dimension, with Python's rules: negative positions
/// count from the end, positions outside are clipped. For a negative step, kToEnd as `stop` runs to the first
/// element.
inline constexpr int64_t kToEnd = std::numeric_limits<int64_t>::max();
Tensor slice(const Tensor& x, int axis, int64_t start, int64_t stop = kToEnd, int64_t step = 1,
             SourceLocation where = SourceLocation::current());
Tensor concat(std::span<const Tensor> parts, int axis, SourceLocation where = SourceLocation::current());
Tensor concat(std::initializer_list<Tensor> parts, int axis,
              SourceLocation where = SourceLocation::current());
enum class PadMode : uint8_t {
  constant, ///< a value
  reflect,  ///< mirrored, without repeating the border
  edge,     ///< the border repeated
};
/// Adds low[i] elements before and high[i] after dimension i; negative ones are removed.
Tensor pad(const Tensor& x, const Shape& low, const Shape& high, double value = 0,
           PadMode mode = PadMode::constant, SourceLocation where = SourceLocation::current());
Tensor broadcast_to(const Tensor& x, const Shape& shape, SourceLocation where = SourceLocation::current());
/// Slices of x at the integer `indices` along an axis; negative indices count from the end. Throws Error for
/// an index out of range; where indices are computed in a function that is compiled or differentiated, and
/// cannot be looked at, the nearest index in range is taken.
Tensor gather(const Tensor& x, const Tensor& indices, int axis = 0,
              SourceLocation where = SourceLocation::current());
/// x with slices of `updates`, of the shape that gather gives, added at `indices`; all of equal indices.
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis = 0,
                   SourceLocation where = SourceLocation::current());

enum class ResizeMode : uint8_t { nearest, linear };
/// Where in the input an output position lies.
enum class ResizeCoordinates : uint8_t { half_pixel, pytorch_half_pixel, align_corners, asymmetric };
/// Which neighbour `nearest` takes.
enum class ResizeRounding : uint8_t { prefer_floor, prefer_ceil, floor, ceil };
struct ResizeOptions {
  ResizeMode mode = ResizeMode::nearest;
  ResizeCoordinates coordinates = ResizeCoordinates::half_pixel;
  ResizeRounding rounding = ResizeRounding::prefer_floor;
};
/// Resamples every dimension to `sizes`.
Tensor resize(const Tensor& x, const Shape& sizes, const ResizeOptions& options = {},
              SourceLocation where = SourceLocation::current());

//===-- Random numbers ------------------------------------------------------------------------------===//

/// What random numbers follow from: a number, or a tensor of one i32 or i64. The same seed gives the same
/// numbers, on every device, compiled or not; different ones give independent numbers. A function that is
/// compiled takes a tensor, or every call computes with the same numbers. Made by implicit conversion.
class Seed {
public:
  Seed(const Tensor& seed) : tensor_(seed) {}
  template <class Integer>
    requires std::is_integral_v<Integer>
  Seed(Integer seed) : Seed(of(static_cast<int64_t>(seed))) {}

  const Tensor& tensor() const { return tensor_; }

private:
  static Tensor of(int64_t seed);

  Tensor tensor_;
};

/// Independent samples of the uniform distribution on [low, high), f32: Philox4x32-10 (Salmon, Moraes, Dror,
/// Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011). They lie where the seed does, and are part of
/// what is compiled, as those of Tensor::uniform are not. Not differentiable by the seed.
Tensor random_uniform(const Shape& shape, const Seed& seed, double low = 0, double high = 1,
                      SourceLocation where = SourceLocation::current());
/// ... of the normal distribution (Box and Muller's method).
Tensor random_normal(const Shape& shape, const Seed& seed, double mean = 0, double deviation = 1,
                     SourceLocation where = SourceLocation::current());
/// x, of floats, where with the given probability, from 0 to 1, each element is independently 0, and the
/// others are divided by 1 - probability. Layers that are to drop independently take different seeds: `seed`,
/// `seed + 1`, ...
Tensor dropout(const Tensor& x, double probability, const Seed& seed,
               SourceLocation where = SourceLocation::current());

//===-- Operators -----------------------------------------------------------------------------------===//

// The location is taken where an operand is converted: on the user's line.
inline Tensor operator+(const Operand& a, const Operand& b) {
  return add(a, b, a.where());
}
inline Tensor operator-(const Operand& a, const Operand& b) {
  return sub(a, b, a.where());
}
inline Tensor operator*(const Operand& a, const Operand& b) {
  return mul(a, b, a.where());
}
inline Tensor operator/(const Operand& a, const Operand& b) {
  return div(a, b, a.where());
}
inline Tensor operator<(const Operand& a, const Operand& b) {
  return less(a, b, a.where());
}
inline Tensor operator<=(const Operand& a, const Operand& b) {
  return less_equal(a, b, a.where());
}
inline Tensor operator>(const Operand& a, const Operand& b) {
  return greater(a, b, a.where());
}
inline Tensor operator>=(const Operand& a, const Operand& b) {
  return greater_equal(a, b, a.where());
}
inline Tensor operator-(const Operand& x) {
  return x.tensor() ? neg(*x.tensor(), x.where()) : Tensor(static_cast<float>(-x.number()));
}
inline Tensor& operator+=(Tensor& a, const Operand& b) {
  return a = add(a, b, b.where());
}
inline Tensor& operator-=(Tensor& a, const Operand& b) {
  return a = sub(a, b, b.where());
}
inline Tensor& operator*=(Tensor& a, const Operand& b) {
  return a = mul(a, b, b.where());
}
inline Tensor& operator/=(Tensor& a, const Operand& b) {
  return a = div(a, b, b.where());
}

} // namespace sinter
