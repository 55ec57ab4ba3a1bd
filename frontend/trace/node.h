// What a Tensor points to: elements in memory, or a value of a program being traced.
#pragma once

#include "sinter/tensor.h"

#include "mlir/IR/Value.h"

namespace sinter::trace {

class Trace;

/// `trace` tells the two kinds apart. Immutable once made, but that what was recorded under grad() gets its
/// elements in the end.
class Node {
public:
  DType dtype = DType::f32;
  Shape shape;

  // Concrete.
  std::shared_ptr<Storage> storage;
  Shape strides;
  uint64_t byte_offset = 0;
  bool literal = false; ///< a number in the program's text: part of what is recorded, not an input of it

  // Traced. The value may be used only while the trace is open.
  std::shared_ptr<Trace> trace;
  mlir::Value value;
  std::shared_ptr<const bool>
      body_open; ///< of the branch, loop or checkpoint whose body it is a value of, if any

  /// True once the body it belongs to has ended: `value` may not even be there any more.
  bool is_left_behind() const { return body_open && !*body_open; }

  View view() const { return {storage->data() + byte_offset, dtype, shape, strides}; }
  /// Makes it a tensor that shares the elements of `other`, which is concrete and of the same dtype and
  /// shape.
  void become(const Node& other);
};

/// The node of `tensor`; throws Error if it was moved from.
const Node& node_of(const Tensor& tensor);

/// A concrete tensor on `storage`. The caller has checked that the elements lie inside.
Tensor make_concrete(std::shared_ptr<Storage> storage, DType dtype, const Shape& shape, const Shape& strides,
                     uint64_t byte_offset);
/// Fresh uninitialised memory, row-major. Throws Error (without location) if there cannot be that much.
Tensor make_empty(DType dtype, const Shape& shape);

} // namespace sinter::trace
