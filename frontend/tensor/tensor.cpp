// What a tensor knows about itself, and reading its elements.
#include "sinter/tensor.h"

#include "sinter/ops.h"
#include "sinter/runtime/eager/elementwise.h"
#include "sinter/runtime/eager/movement.h"
#include "trace/errors.h"
#include "trace/placement.h"
#include "trace/trace.h"

#include "llvm/Support/Casting.h"

#include <algorithm>

namespace sinter {
namespace trace {
namespace {

// The elements of `tensor`, in the host's memory, for the public function `operation`.
const Node& readable(const Tensor& tensor, std::string_view operation, const SourceLocation& where) {
  return locate(where, operation, [&]() -> const Node& {
    const Node& node = node_of(concrete(tensor));
    if (node.storage->device())
      throw Error("the elements of " + to_string(View{nullptr, node.dtype, node.shape, {}}) + " lie on " +
                  to_string(device_of(tensor)) +
                  ", where the host cannot read them; bring them to cpu with to()");
    return node;
  });
}

// ... copied there if need be.
Tensor on_host(const Tensor& tensor, std::string_view operation, const SourceLocation& where) {
  return locate(where, operation, [&] { return placed(tensor, Device::cpu); });
}

} // namespace

const Tensor& concrete(const Tensor& tensor) {
  const Node& node = node_of(tensor);
  if (!node.trace)
    return tensor;
  if (!node.trace->is_open())
    throw Error(node.trace->finished());
  if (node.is_left_behind())
    throw Error("a tensor of the body of a branch or loop is read outside of it; let the body return it");
  node.trace->check_thread();
  if (node.trace->values() == Values::on_demand)
    return node.trace->elements(node.value);
  throw Error("reading a value inside compile(): the elements of " +
              to_string(View{nullptr, node.dtype, node.shape, {}}) +
              " are known only when the compiled function runs; choose between values with where(), or "
              "compute this outside of the function");
}

bool is_readable(const Tensor& tensor) {
  const Node& node = node_of(tensor);
  return !node.trace || (node.trace->is_tape() && node.trace->is_open() && node.trace->is_mine() &&
                         !node.is_left_behind() && node.trace->has_elements(node.value));
}

Tensor without_halves(const View& view) {
  Tensor wide = make_empty(DType::f32, view.shape);
  eager::cast(view, node_of(wide).view());
  return wide;
}

Tensor dense(const Tensor& tensor) {
  const Node& node = node_of(tensor);
  if (node.view().is_dense())
    return tensor;
  Tensor copy = make_empty(node.dtype, node.shape);
  eager::copy(node.view(), node_of(copy).view());
  return copy;
}

void Node::become(const Node& other) {
  storage = other.storage;
  strides = other.strides;
  byte_offset = other.byte_offset;
  trace.reset();
  value = {};
}

const Node& node_of(const Tensor& tensor) {
  if (!tensor.node())
    throw Error("a tensor is used that was moved from");
  return *tensor.node();
}

Tensor make_concrete(std::shared_ptr<Storage> storage, DType dtype, const Shape& shape, const Shape& strides,
                     uint64_t byte_offset) {
  auto node = std::make_shared<Node>();
  node->dtype = dtype;
  node->shape = shape;
  node->storage = std::move(storage);
  node->strides = strides;
  node->byte_offset = byte_offset;
  return Tensor(std::move(node));
}

Tensor make_empty(DType dtype, const Shape& shape) {
  const int64_t bytes = checked_bytes(shape.dims(), size_of(dtype));
  return make_concrete(Storage::allocate(static_cast<std::size_t>(bytes)), dtype, shape,
                       shape.row_major_strides(), 0);
}

} // namespace trace

using trace::node_of;
using trace::readable;

DType Tensor::dtype() const {
  return node_of(*this).dtype;
}
const Shape& Tensor::shape() const {
  return node_of(*this).shape;
}
bool Tensor::is_traced() const {
  return node_of(*this).trace != nullptr;
}
bool Tensor::is_dense() const {
  return is_traced() || node_of(*this).view().is_dense();
}

int64_t Tensor::size(int dim, SourceLocation where) const {
  const int wrapped = dim < 0 ? dim + rank() : dim;
  if (wrapped < 0 || wrapped >= rank())
    trace::fail(where, "size", "no dimension " + std::to_string(dim) + " in shape " + to_string(shape()));
  return shape()[wrapped];
}

View Tensor::view(SourceLocation where) const {
  return readable(*this, "view", where).view();
}

const std::shared_ptr<Storage>& Tensor::storage(SourceLocation where) const {
  return readable(*this, "storage", where).storage;
}

Tensor Tensor::contiguous(SourceLocation where) const {
  return is_dense() ? *this : clone(where);
}

Tensor Tensor::clone(SourceLocation where) const {
  const trace::Node& given = node_of(*this);
  if (given.may_record() && trace::trace_for(given)) // of functions, elements never change
    return given.trace && !given.trace->is_tape() ? *this : sinter::reshape(*this, shape(), where);
  return trace::locate(where, "clone", [&] {
    const Tensor& elements = trace::concrete(*this);
    Tensor copy = trace::make_empty(dtype(), shape(), trace::device_of(elements));
    trace::copy_elements(elements, copy);
    return copy;
  });
}

Device Tensor::device() const {
  return trace::device_of(*this);
}

Tensor Tensor::to(Device device, SourceLocation where) const {
  return trace::locate(where, "to", [&] {
    trace::open(device);
    if (trace::device_of(*this) == device)
      return *this;
    const trace::Node& node = node_of(*this);
    if (node.may_record() && trace::trace_for(node))
      throw Error("to " + to_string(device) + " of " + to_string(View{nullptr, node.dtype, node.shape, {}}) +
                  ", which is traced or recorded on " + to_string(this->device()) +
                  ": move what it is computed from, or its detach()");
    return trace::placed(*this, device);
  });
}

double Tensor::item(SourceLocation where) const {
  const Tensor here = trace::on_host(*this, "item", where);
  const trace::Node& node = node_of(here);
  if (elements() != 1)
    trace::fail(where, "item",
                to_string(node.view()) + " has " + std::to_string(elements()) + " elements, not one");
  return trace::locate(where, "item", [&] {
    if (node.dtype == DType::f16 || node.dtype == DType::bf16)
      return static_cast<double>(*node_of(trace::without_halves(node.view())).view().as<float>());
    return visit_dtype(node.dtype, "item",
                       [&](auto zero) { return static_cast<double>(*node.view().as<decltype(zero)>()); });
  });
}

Tensor::operator bool() const {
  const trace::Node& node = node_of(*this);
  if (!node.trace || (node.trace->is_open() && node.trace->values() == trace::Values::on_demand))
    return item() != 0;
  if (!node.trace->is_open())
    throw Error(node.trace->finished());
  std::string made;
  if (node.is_left_behind())
    throw Error("a tensor of the body of a branch or loop is read outside of it; let the body return it");
  if (auto location = llvm::dyn_cast<mlir::FileLineColLoc>(node.value.getLoc()))
    made = " (made at " + location.getFilename().str() + ":" + std::to_string(location.getLine()) + ")";
  throw Error(
      "reading a value inside compile(): whether a traced tensor" + made +
      " is true is known only when the compiled function runs; choose between values with where(), or "
      "compute the condition outside of the function");
}

template <class T>
std::vector<T> Tensor::to_vector(SourceLocation where) const {
  const Tensor dense = trace::on_host(*this, "to_vector", where);
  const trace::Node& node = node_of(dense);
  if (node.dtype != dtype_of<T>)
    trace::fail(where, "to_vector",
                "the elements are " + std::string(name_of(node.dtype)) + ", asked for " +
                    std::string(name_of(dtype_of<T>)));
  const T* first = node.view().as<T>();
  return std::vector<T>(first, first + elements());
}

namespace {

// The elements of `tensor` as T, dense, for the public function `operation`.
template <class T>
const trace::Node& elements_as(const Tensor& tensor, std::string_view operation,
                               const SourceLocation& where) {
  const trace::Node& node = readable(tensor, operation, where);
  if (node.dtype != dtype_of<T>)
    trace::fail(where, operation,
                "the elements are " + std::string(name_of(node.dtype)) + ", asked for " +
                    std::string(name_of(dtype_of<T>)));
  if (!node.view().is_dense())
    trace::fail(where, operation,
                "the elements of " + to_string(node.view()) + " are not dense; call contiguous() first");
  return node;
}

} // namespace

template <class T>
const T* Tensor::data(SourceLocation where) const {
  return elements_as<T>(*this, "data", where).view().template as<T>();
}

template <class T>
T* Tensor::mutable_data(SourceLocation where) {
  if (is_traced() && !trace::locate(where, "mutable_data", [&] { return trace::leave_tape(*this); }))
    trace::fail(
        where, "mutable_data",
        "writing to " + to_string(View{nullptr, dtype(), shape(), {}}) +
            ", which is computed by what is being traced or recorded; use clone() and where(), or write "
            "before it is used, or to its detach()");
  const trace::Node& node = elements_as<T>(*this, "mutable_data", where);
  node.storage->written();
  return node.view().template as<T>();
}

#define SINTER_INSTANTIATE(T)                                                                                \
  template std::vector<T> Tensor::to_vector<T>(SourceLocation) const;                                        \
  template const T* Tensor::data<T>(SourceLocation) const;                                                   \
  template T* Tensor::mutable_data<T>(SourceLocation);
SINTER_INSTANTIATE(float)
SINTER_INSTANTIATE(double)
SINTER_INSTANTIATE(int32_t)
SINTER_INSTANTIATE(int64_t)
SINTER_INSTANTIATE(bool)
SINTER_INSTANTIATE(int8_t)
SINTER_INSTANTIATE(uint8_t)
#undef SINTER_INSTANTIATE

} // namespace sinter
