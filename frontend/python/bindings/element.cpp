// x[index]: views by NumPy's rules, and gather().
#include "located.h"

#include <algorithm>

namespace sinter::python {
namespace {

struct Indexing {
  Tensor x;
  int axis = 0; // the next dimension that an index is for

  void take(int64_t index) {
    const int64_t extent = x.shape()[axis];
    if (index < -extent || index >= extent)
      throw nb::index_error(("index " + std::to_string(index) + " is out of range for dimension " +
                             std::to_string(axis) + " of shape " + to_string(x.shape()))
                                .c_str());
    const int64_t start = index < 0 ? index + extent : index;
    x = unlocked([&](const SourceLocation& where) {
      return squeeze(slice(x, axis, start, start + 1, 1, where), axis, where);
    });
  }

  void take(const nb::slice& range) {
    Py_ssize_t start = 0, stop = 0, step = 0;
    if (PySlice_Unpack(range.ptr(), &start, &stop, &step) < 0)
      throw nb::python_error();
    if (PySlice_AdjustIndices(x.shape()[axis], &start, &stop, step) == 0)
      start = stop = 0;
    else if (stop < 0) // past the first element, backwards
      stop = kToEnd;
    if (start != 0 || stop < x.shape()[axis] || step != 1)
      x = unlocked([&](const SourceLocation& where) { return slice(x, axis, start, stop, step, where); });
    ++axis;
  }

  void take(const Tensor& indices) {
    if (indices.dtype() == DType::boolean)
      throw Error("a mask does not say how many elements there will be: choose with where()");
    x = unlocked([&](const SourceLocation& where) { return gather(x, indices, axis, where); });
    axis += indices.rank();
  }
};

} // namespace

Tensor element(const Tensor& x, nb::handle index) {
  std::vector<nb::object> parts;
  if (nb::isinstance<nb::tuple>(index))
    for (nb::handle part : nb::borrow<nb::tuple>(index))
      parts.push_back(nb::borrow(part));
  else
    parts.push_back(nb::borrow(index));
  const auto takes_dimension = [](const nb::object& part) {
    return !part.is_none() && !part.is(nb::ellipsis());
  };
  const auto taken = std::count_if(parts.begin(), parts.end(), takes_dimension);
  if (taken > x.rank())
    throw nb::index_error(
        (std::to_string(taken) + " indices for a tensor of shape " + to_string(x.shape())).c_str());
  Indexing indexing{x};
  for (const nb::object& part : parts)
    if (part.is_none()) {
      indexing.x =
          unlocked([&](const SourceLocation& where) { return unsqueeze(indexing.x, indexing.axis, where); });
      ++indexing.axis;
    } else if (part.is(nb::ellipsis()))
      indexing.axis += x.rank() - static_cast<int>(taken);
    else if (nb::isinstance<nb::slice>(part))
      indexing.take(nb::borrow<nb::slice>(part));
    else if (!nb::isinstance<Tensor>(part) && PyIndex_Check(part.ptr()) && !PyBool_Check(part.ptr()) &&
             !nb::hasattr(part, "__dlpack__"))
      indexing.take(nb::cast<int64_t>(nb::int_(part)));
    else
      indexing.take(as_tensor(part));
  return indexing.x;
}

} // namespace sinter::python
