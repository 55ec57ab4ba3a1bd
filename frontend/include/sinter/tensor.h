// Tensor: a handle to a strided view of shared storage.
#pragma once

#include "sinter/device.h"
#include "sinter/error.h"
#include "sinter/runtime/dtype.h"
#include "sinter/runtime/shape.h"
#include "sinter/runtime/storage.h"
#include "sinter/runtime/view.h"
#include "sinter/source_location.h"

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sinter {

namespace trace {
class Node;
}

struct BackwardOptions {
  /// True: what was recorded is kept for another backward().
  bool retain_graph = false;
};

/// A tensor. Copies share storage. Inside a function that is being compiled it stands for a value not known
/// yet; its dtype and shape are known, its elements are not, and reading them throws Error. Inside one that
/// is being differentiated, or where it depends on a tensor that requires a gradient (tape.h), it is
/// recorded, and its elements are computed when they are read.
class Tensor {
public:
  /// A tensor without elements: an f32 of shape [0].
  Tensor();
  /// A scalar.
  Tensor(float value);

  /// Uninitialised elements.
  static Tensor empty(const Shape& shape, DType dtype = DType::f32,
                      SourceLocation where = SourceLocation::current());
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32,
                     SourceLocation where = SourceLocation::current());
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32,
                      SourceLocation where = SourceLocation::current());
  static Tensor ones(const Shape& shape, DType dtype = DType::f32,
                     SourceLocation where = SourceLocation::current());
  /// Copies `values`, row-major. Throws Error if their number is not the shape's.
  template <class T>
  static Tensor of(std::span<const T> values, const Shape& shape,
                   SourceLocation where = SourceLocation::current());
  static Tensor of(std::initializer_list<float> values, const Shape& shape,
                   SourceLocation where = SourceLocation::current());
  template <class T>
  static Tensor of(const std::vector<T>& values, const Shape& shape,
                   SourceLocation where = SourceLocation::current()) {
    return of(std::span<const T>(values), shape, where);
  }
  /// Independent samples of the uniform distribution on [low, high) / the normal distribution, reproducible
  /// by seed.
  static Tensor uniform(const Shape& shape, uint64_t seed, double low = 0, double high = 1,
                        SourceLocation where = SourceLocation::current());
  static Tensor normal(const Shape& shape, uint64_t seed, double mean = 0, double deviation = 1,
                       SourceLocation where = SourceLocation::current());
  /// Wraps storage; `byte_offset` and strides (in elements) say where the elements are. Throws Error if they
  /// are not all inside.
  static Tensor from_storage(std::shared_ptr<Storage> storage, DType dtype, const Shape& shape,
                             const Shape& strides, uint64_t byte_offset = 0,
                             SourceLocation where = SourceLocation::current());
  static Tensor from_storage(std::shared_ptr<Storage> storage, DType dtype, const Shape& shape,
                             SourceLocation where = SourceLocation::current());

  DType dtype() const;
  const Shape& shape() const;
  int rank() const { return shape().rank(); }
  /// Extent of a dimension; negative ones count from the end.
  int64_t size(int dim, SourceLocation where = SourceLocation::current()) const;
  int64_t elements() const { return shape().elements(); }
  /// Where the elements lie; of a traced tensor, where they will be computed.
  Device device() const;
  /// The same elements on another device: this tensor if they lie there, else a copy. Operations run where
  /// their operands lie, and so do compiled functions and models: on a GPU, calls return before it is done,
  /// and reading elements waits. Numbers of rank 0 on the host go with tensors on any device. Throws Error if
  /// there is no such device, or no memory left on it, and for a traced tensor that is computed elsewhere:
  /// move what it is computed from.
  Tensor to(Device device, SourceLocation where = SourceLocation::current()) const;

  /// True inside a function that is being compiled or differentiated, for what depends on its arguments, and
  /// for what is recorded for backward().
  bool is_traced() const;

  /// The elements. Throws Error for a traced tensor, and for one on another device: the host cannot read
  /// there.
  View view(SourceLocation where = SourceLocation::current()) const;
  const std::shared_ptr<Storage>& storage(SourceLocation where = SourceLocation::current()) const;
  bool is_dense() const;
  /// This tensor if its elements lie row-major without gaps, else a copy that does.
  Tensor contiguous(SourceLocation where = SourceLocation::current()) const;
  Tensor clone(SourceLocation where = SourceLocation::current()) const;

  /// The only element of a one-element tensor, as a number.
  double item(SourceLocation where = SourceLocation::current()) const;
  /// Whether the only element is not zero: what lets a concrete tensor stand in `if`. Throws Error for a
  /// traced one.
  explicit operator bool() const;
  /// All elements, row-major; they may lie on any device. Throws Error if T is not the element type.
  template <class T>
  std::vector<T> to_vector(SourceLocation where = SourceLocation::current()) const;
  /// First element of a dense tensor of element type T.
  template <class T>
  const T* data(SourceLocation where = SourceLocation::current()) const;
  /// ... to write to, seen by all tensors that share the storage. A derivative that was recorded from the
  /// former elements notices, and throws Error.
  template <class T>
  T* mutable_data(SourceLocation where = SourceLocation::current());

  /// Views that share storage (eager) or the operation (traced). One extent of `shape` may be -1: what
  /// remains.
  Tensor reshape(const Shape& shape, SourceLocation where = SourceLocation::current()) const;
  Tensor transpose(int a, int b, SourceLocation where = SourceLocation::current()) const;
  Tensor permute(const Shape& permutation, SourceLocation where = SourceLocation::current()) const;

  // Gradients by backward(): tape.h says how they go together.

  /// Makes it a leaf, for which backward() computes gradients, or, by false, no longer one; returns *this.
  /// All copies of the tensor are meant. Throws Error unless the elements are floating-point numbers.
  Tensor& set_requires_grad(bool on = true, SourceLocation where = SourceLocation::current());
  /// True for leaves and what was computed from them, but under NoGrad.
  bool requires_grad() const;
  /// True for tensors that the user made, false for results of operations that were recorded.
  bool is_leaf() const;
  /// Adds the derivatives of this tensor, of one element, to the gradients of the leaves it depends on. What
  /// was recorded to compute it is released: tensors of it that are still held have elements then, but
  /// backward() cannot go through them again. Throws Error if it depends on no leaf, or on what an earlier
  /// backward() released, if something that was used was written to since, or if an operation on the way has
  /// no derivative.
  void backward(BackwardOptions options = {}, SourceLocation where = SourceLocation::current()) const;
  /// ... of the sum of its elements, each multiplied by that of `cotangent`, of the same dtype and shape.
  void backward(const Tensor& cotangent, BackwardOptions options = {},
                SourceLocation where = SourceLocation::current()) const;
  /// The gradient of a leaf: the sum over all calls of backward() since it was made or zero_grad(). Throws
  /// Error if there is none.
  Tensor grad(SourceLocation where = SourceLocation::current()) const;
  bool has_grad() const;
  /// Forgets the gradient of a leaf.
  void zero_grad();
  /// The same elements, not connected to what they were computed from.
  Tensor detach(SourceLocation where = SourceLocation::current()) const;
  /// Overwrites the elements by those of `value`, of the same dtype and shape, for all copies of the tensor:
  /// the step of an optimiser. Throws Error if `value` is recorded: compute it under NoGrad.
  void assign(const Tensor& value, SourceLocation where = SourceLocation::current());

  /// For the implementation of operations.
  explicit Tensor(std::shared_ptr<trace::Node> node) : node_(std::move(node)) {}
  const std::shared_ptr<trace::Node>& node() const { return node_; }

private:
  std::shared_ptr<trace::Node> node_;
};

/// "f32[2, 3]" and, for small concrete tensors, the elements.
std::string to_string(const Tensor& tensor);

} // namespace sinter
