// Elements of other libraries' arrays as tensors, and tensors as such arrays, without a copy.
#include "arrays.h"

#include "numbers.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <unordered_set>

namespace sinter::python {
namespace {

using Code = nb::dlpack::dtype_code;
using Array = nb::ndarray<nb::ro>;

struct ElementType {
  DType dtype;
  Code code;
};
constexpr std::array kElementTypes{
    ElementType{DType::f32, Code::Float},    ElementType{DType::f64, Code::Float},
    ElementType{DType::f16, Code::Float},    ElementType{DType::bf16, Code::Bfloat},
    ElementType{DType::i32, Code::Int},      ElementType{DType::i64, Code::Int},
    ElementType{DType::i8, Code::Int},       ElementType{DType::u8, Code::UInt},
    ElementType{DType::boolean, Code::Bool},
};

nb::dlpack::dtype element_type_of(DType dtype) {
  for (const ElementType& type : kElementTypes)
    if (type.dtype == dtype)
      return {static_cast<uint8_t>(type.code), static_cast<uint8_t>(8 * size_of(dtype)), 1};
  throw Error("no element type of arrays for " + std::string(name_of(dtype)), ErrorKind::internal);
}

std::optional<DType> dtype_of_array(const nb::dlpack::dtype& type) {
  for (const ElementType& known : kElementTypes)
    if (static_cast<uint8_t>(known.code) == type.code && 8 * size_of(known.dtype) == type.bits &&
        type.lanes == 1)
      return known.dtype;
  return std::nullopt;
}

std::string kind_of(nb::handle value) {
  return nb::cast<std::string>(nb::str(value.type().attr("__name__")));
}

bool has(nb::handle value, const char* name) {
  return nb::hasattr(value.type(), name);
}

// The memory of arrays that may only be read, as long as a storage is on it.
class ReadOnlyMemory {
public:
  void add(const void* data) {
    const std::lock_guard lock(mutex_);
    places_.insert(data);
  }
  void remove(const void* data) {
    const std::lock_guard lock(mutex_);
    places_.erase(places_.find(data));
  }
  bool contains(const void* data) {
    const std::lock_guard lock(mutex_);
    return places_.contains(data);
  }
  static ReadOnlyMemory& instance() {
    static auto* memory = new ReadOnlyMemory; // tensors may outlive static objects
    return *memory;
  }

private:
  std::mutex mutex_;
  std::unordered_multiset<const void*> places_;
};

// What keeps an array alive for a storage, until any thread lets it go.
class Owner {
public:
  Owner(Array array, const void* read_only) : array_(std::move(array)), read_only_(read_only) {
    if (read_only_)
      ReadOnlyMemory::instance().add(read_only_);
  }
  ~Owner() {
    if (read_only_)
      ReadOnlyMemory::instance().remove(read_only_);
    if (Py_IsInitialized()) {
      const nb::gil_scoped_acquire acquire;
      array_ = {};
    } else
      new Array(std::move(array_)); // there is no interpreter any more that could free it
  }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

private:
  Array array_;
  const void* read_only_; // null: it may be written to
};

// The tensor on the memory of `array`; nothing if its elements do not lie at multiples of their size.
std::optional<Tensor> shared(Array array, DType dtype, bool read_only) {
  const auto rank = static_cast<std::size_t>(array.ndim());
  std::vector<int64_t> extents(rank), steps(rank);
  int64_t low = 0, high = 0;
  for (std::size_t d = 0; d < rank; ++d) {
    extents[d] = static_cast<int64_t>(array.shape(d));
    steps[d] = array.stride(d);
    (steps[d] < 0 ? low : high) += steps[d] * std::max<int64_t>(extents[d] - 1, 0);
  }
  const Shape shape(extents), strides(steps);
  auto* first = static_cast<std::byte*>(const_cast<void*>(static_cast<const void*>(array.data())));
  const auto size = static_cast<int64_t>(size_of(dtype));
  if (reinterpret_cast<uintptr_t>(first) % static_cast<uintptr_t>(size) != 0)
    return std::nullopt;
  if (shape.elements() == 0)
    return Tensor::empty(shape, dtype);
  std::byte* begin = first + low * size;
  auto owner = std::make_shared<Owner>(std::move(array), read_only ? begin : nullptr);
  return Tensor::from_storage(
      Storage::adopt(begin, static_cast<std::size_t>((high - low + 1) * size), std::move(owner)), dtype,
      shape, strides, static_cast<uint64_t>(-low * size));
}

// ... of `value`, if it hands out its memory.
std::optional<Tensor> imported(nb::handle value) {
  const auto cast = [&](auto kind) -> std::optional<Array> {
    decltype(kind) array;
    if (!nb::try_cast(value, array))
      return std::nullopt;
    return Array(array);
  };
  std::optional<Array> array = cast(nb::ndarray<>());
  const bool read_only = !array;
  if (!array && !(array = cast(Array())))
    return std::nullopt;
  if (array->device_type() != nb::device::cpu::value)
    throw Error("the elements of a " + kind_of(value) +
                " are in the memory of another device; copy them to the CPU first");
  const std::optional<DType> dtype = dtype_of_array(array->dtype());
  if (!dtype)
    throw Error("the elements of a " + kind_of(value) +
                " are of a type that tensors do not have; convert them to one of f32, f64, i32, i64, i8, u8, "
                "bool, f16, bf16 first");
  return shared(std::move(*array), *dtype, read_only);
}

[[noreturn]] void refuse(nb::handle value) {
  throw nb::type_error(
      ("expected a tensor, or what can become one (an array of NumPy's, anything with DLPack, "
       "a number, nested lists of numbers), got " +
       kind_of(value))
          .c_str());
}

nb::object copied_by_numpy(nb::handle value) {
  using namespace nb::literals;
  return nb::module_::import_("numpy").attr("array")(value, "copy"_a = true, "order"_a = "C");
}

template <class... Annotations>
nb::ndarray<nb::ro, Annotations...> exported(const Tensor& tensor, const SourceLocation& where) {
  std::shared_ptr<Storage> storage;
  View view;
  if (!tensor.is_traced() && tensor.device() != Device::cpu)
    throw Error(to_string(View{nullptr, tensor.dtype(), tensor.shape(), {}}) + " lies on " +
                to_string(tensor.device()) + ": bring it to the host with .to(\"cpu\")");
  {
    const nb::gil_scoped_release release; // it may have to be computed first
    view = tensor.view(where);
    storage = tensor.storage(where);
  }
  std::array<std::size_t, kMaxRank> shape{};
  std::array<int64_t, kMaxRank> strides{};
  std::copy(view.shape.begin(), view.shape.end(), shape.begin());
  std::copy(view.strides.begin(), view.strides.end(), strides.begin());
  const nb::capsule owner(new std::shared_ptr<Storage>(std::move(storage)),
                          [](void* kept) noexcept { delete static_cast<std::shared_ptr<Storage>*>(kept); });
  return {view.data,      static_cast<std::size_t>(view.rank()),
          shape.data(),   owner,
          strides.data(), element_type_of(view.dtype)};
}

} // namespace

bool is_tensor_like(nb::handle value) {
  return nb::isinstance<Tensor>(value) || PyBool_Check(value.ptr()) || PyLong_Check(value.ptr()) ||
         PyFloat_Check(value.ptr()) || has(value, "__dlpack__") || has(value, "__array__") ||
         has(value, "__array_interface__");
}

Tensor as_tensor(nb::handle value) {
  if (nb::isinstance<Tensor>(value))
    return *nb::inst_ptr<Tensor>(value);
  if (is_number(value) || PyList_Check(value.ptr()) || PyTuple_Check(value.ptr()))
    return tensor_of_numbers(value);
  if (PyUnicode_Check(value.ptr()) || PyBytes_Check(value.ptr()) || value.is_none())
    refuse(value);
  if (auto tensor = imported(value))
    return *tensor;
  if (has(value, "__array__") ||
      has(value, "__array_interface__")) // elements out of line, or read by copying
    if (auto tensor = imported(copied_by_numpy(value)))
      return *tensor;
  if (has(value, "__dlpack__"))
    value.attr("__dlpack__")(); // it says why not
  refuse(value);
}

void check_writable(const Tensor& tensor, const SourceLocation& where) {
  if (!tensor.is_traced() && tensor.device() == Device::cpu &&
      ReadOnlyMemory::instance().contains(tensor.storage(where)->data()))
    throw Error("assign: the elements of " + to_string(View{nullptr, tensor.dtype(), tensor.shape(), {}}) +
                " are those of an array that may only be read; assign to a clone()");
}

nb::object as_numpy(const Tensor& tensor, const SourceLocation& where) {
  if (tensor.dtype() == DType::bf16)
    throw Error("NumPy has no bf16: cast the tensor to f32 first");
  return nb::cast(exported<nb::numpy>(tensor, where));
}

nb::object as_dlpack(const Tensor& tensor, const SourceLocation& where) {
  return nb::cast(exported<nb::array_api>(tensor, where));
}

} // namespace sinter::python
