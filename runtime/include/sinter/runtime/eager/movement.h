// Eager kernels that move elements: every element type, any strides.
//
// Error where a copy's two sides, or the elements of a reshape, do not agree; starts, steps, axes and
// permutations are not checked (see View).
#pragma once

#include "sinter/runtime/view.h"

#include <span>

namespace sinter::eager {

/// target = source, element by element. Shapes and element types must agree.
void copy(const View& source, const View& target);

/// The elements of `input` in row-major order under the shape of `result`.
void reshape(const View& input, const View& result);

/// result[i0, i1, ...] with result dimension d being input dimension permutation[d].
void transpose(const View& input, const View& result, const Shape& permutation);

/// result[i] = input[starts + i * steps].
void slice(const View& input, const View& result, const Shape& starts, const Shape& steps);

/// The inputs one after the other along `axis`.
void concat(std::span<const View> inputs, const View& result, int axis);

/// `input` repeated along dimensions of extent 1 (NumPy rules).
void broadcast(const View& input, const View& result);

enum class PadMode : uint8_t { constant, reflect, edge };

/// `low[d]` elements before dimension d, as many after it as the result's shape asks for; negative ones crop.
/// `value`, converted to the element type, fills when the mode is `constant`.
void pad(const View& input, const View& result, const Shape& low, PadMode mode, double value);

/// Every element of `target` = `value` converted to the element type.
void fill(const View& target, double value);

} // namespace sinter::eager
