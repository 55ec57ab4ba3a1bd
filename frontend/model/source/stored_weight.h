// Tensors of a model: in memory, or still in its file.
#pragma once

#include "sinter/runtime/storage.h"
#include "sinter/runtime/view.h"

#include <functional>
#include <memory>
#include <string>

namespace sinter::model {

/// A dense tensor.
struct Weight {
  std::shared_ptr<Storage> storage;
  DType dtype = DType::f32;
  Shape shape;

  View view() const { return View::dense(storage->data(), dtype, shape); }
};

/// A tensor of the model that may still lie in its file.
class StoredWeight {
public:
  StoredWeight() = default;
  explicit StoredWeight(Weight weight) : weight_(std::move(weight)) {}
  StoredWeight(DType dtype, Shape shape, std::function<std::shared_ptr<Storage>()> read,
               std::function<std::string()> identify)
      : weight_{nullptr, dtype, std::move(shape)}, read_(std::move(read)), identify_(std::move(identify)) {}

  DType dtype() const { return weight_.dtype; }
  const Shape& shape() const { return weight_.shape; }
  /// The same elements under a shape of as many.
  StoredWeight reshaped(const Shape& shape) const {
    StoredWeight other = *this;
    other.weight_.shape = shape;
    return other;
  }
  bool is_in_file() const { return read_ != nullptr; }
  /// Its elements. Throws Error if the file cannot be read any more, or has changed.
  std::shared_ptr<Storage> read() const { return read_ ? read_() : weight_.storage; }
  /// If it is in a file: finds a text that no other bytes in any file have. Reads the file once. Throws as
  /// read() does.
  const std::function<std::string()>& identify() const { return identify_; }

private:
  Weight weight_;
  std::function<std::shared_ptr<Storage>()> read_;
  std::function<std::string()> identify_;
};

} // namespace sinter::model
