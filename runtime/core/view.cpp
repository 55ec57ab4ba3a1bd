// Strided views.
#include "sinter/runtime/view.h"

#include "sinter/runtime/error.h"

namespace sinter {

bool View::is_dense() const {
  if (elements() == 0)
    return true;
  int64_t expected = 1;
  for (int d = rank() - 1; d >= 0; --d) {
    if (shape[d] != 1 && strides[d] != expected)
      return false;
    expected *= shape[d];
  }
  return true;
}

std::string to_string(const View& view) {
  return std::string(name_of(view.dtype)) + to_string(view.shape);
}

View broadcast_to(const View& view, const Shape& shape) {
  const int lead = shape.rank() - view.rank();
  View result{view.data, view.dtype, shape, Shape::filled(shape.rank(), 0)};
  for (int d = 0; d < view.rank(); ++d) {
    if (view.shape[d] == shape[lead + d])
      result.strides[lead + d] = view.strides[d];
    else if (view.shape[d] != 1)
      throw Error("cannot broadcast " + to_string(view.shape) + " to " + to_string(shape));
  }
  return result;
}

} // namespace sinter
