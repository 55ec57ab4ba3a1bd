// Normalisations of strided views of floats (f32 or f64; all operands and the result alike). They accumulate
// in f64. The result may be the operand x itself. Error for element types and shapes that do not fit.
#pragma once

#include "sinter/runtime/view.h"

namespace sinter::eager {

/// exp(x - max) / sum(exp(x - max)) along `axis`.
void softmax(const View& x, const View& result, int64_t axis);
/// x - max - log(sum(exp(x - max))) along `axis`.
void log_softmax(const View& x, const View& result, int64_t axis);
/// (x - mean) / sqrt(variance + epsilon) * scale + bias over the dimensions from `axis` on, which are the
/// shape of scale and of bias (null: none). The variance is the biased one.
void layer_norm(const View& x, const View& scale, const View* bias, const View& result, int64_t axis,
                double epsilon);
/// (x - mean) / sqrt(variance + epsilon) * scale + bias, all [C], of x [N, C, ...].
void batch_norm(const View& x, const View& scale, const View& bias, const View& mean, const View& variance,
                const View& result, double epsilon);
/// x / (bias + alpha / size * sum of x^2 over the `size` channels around)^beta of x [N, C, ...]: channel c
/// sums over [c - (size - 1) / 2, c + size / 2]. The result must not be x.
void lrn(const View& x, const View& result, int64_t size, double alpha, double beta, double bias);

} // namespace sinter::eager
