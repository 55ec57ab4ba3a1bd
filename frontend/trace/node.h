// What a Tensor points to: elements in memory, or a value of a program being traced.
#pragma once

#include "sinter/tensor.h"

#include "mlir/IR/Value.h"

#include <optional>
#include <string>

namespace sinter::trace {

class Trace;

/// What a tensor knows of its gradient: a leaf, which gradients are added to, or one whose tape was released.
struct GradientState {
  std::optional<Tensor> sum;
  std::string released_at; ///< the line of the backward() that released it; empty for a leaf

  bool is_leaf() const { return released_at.empty(); }
};

/// `trace` tells the two kinds apart. Once made, a tensor changes in two ways: what was recorded gets its
/// elements, at the latest when the recording ends, and tensors are made leaves.
class Node {
public:
  DType dtype = DType::f32;
  Shape shape;

  // Concrete.
  std::shared_ptr<Storage> storage;
  Shape strides;
  uint64_t byte_offset = 0;
  bool literal = false; ///< a number in the program's text: part of what is recorded, not an input of it
  std::shared_ptr<GradientState> gradient; ///< null: it does not require a gradient

  // Traced. The value may be used only while the trace is open.
  std::shared_ptr<Trace> trace;
  mlir::Value value;
  std::shared_ptr<const bool>
      body_open; ///< of the branch, loop or checkpoint whose body it is a value of, if any

  /// True if operations on it may be recorded: trace_for() says where.
  bool may_record() const { return trace || gradient; }
  /// True once the body it belongs to has ended: `value` may not even be there any more.
  bool is_left_behind() const { return body_open && !*body_open; }

  View view() const { return {storage->data() + byte_offset, dtype, shape, strides}; }
  /// Makes it a tensor that shares the elements of `other`, which is concrete and of the same dtype and
  /// shape.
  void become(const Node& other);
};

/// The node of `tensor`; throws Error if it was moved from.
const Node& node_of(const Tensor& tensor);

/// The trace that an operation on a tensor is recorded in: its own, that of the function being traced, or the
/// tape of this thread, which begins if there is none. Null if the operation runs at once: nothing about the
/// tensor is to be recorded, or NoGrad says that nothing is.
std::shared_ptr<Trace> trace_for(const Node& node);

/// The concrete tensor that has the elements of `tensor`: itself, or what is computed on demand. Throws Error
/// if they are not known yet.
const Tensor& concrete(const Tensor& tensor);
/// True if it has elements in memory, or those of a tape can be computed.
bool is_readable(const Tensor& tensor);
/// The elements of `view` as C++ has a type for: those of 16 bits converted to f32, in a tensor of its own.
Tensor without_halves(const View& view);
/// Makes a tensor that is on a tape without being connected to a leaf concrete, with elements of its own.
/// False if it is connected.
bool leave_tape(const Tensor& tensor);
/// `tensor`, which is concrete, row-major and without gaps; never recorded.
Tensor dense(const Tensor& tensor);

/// A concrete tensor on `storage`. The caller has checked that the elements lie inside.
Tensor make_concrete(std::shared_ptr<Storage> storage, DType dtype, const Shape& shape, const Shape& strides,
                     uint64_t byte_offset);
/// Fresh uninitialised memory, row-major. Throws Error (without location) if there cannot be that much.
Tensor make_empty(DType dtype, const Shape& shape);

} // namespace sinter::trace
