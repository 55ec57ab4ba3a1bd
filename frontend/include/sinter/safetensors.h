// Files of named tensors in the safetensors format, as checkpoints of PyTorch and others are published.
#pragma once

#include "sinter/named_tensors.h"

#include <map>
#include <string>
#include <vector>

namespace sinter {

/// The tensors of a file by name, of f32, f64, i32, i64, bool, i8, u8, f16 or bf16. They are not read: the
/// file is mapped, and its pages come when they are touched. What is written to them stays in this process.
/// The file may be deleted or replaced by another meanwhile, but must not be made shorter. Throws Error,
/// naming file, tensor and cause, for anything but a well-formed file.
std::map<std::string, Tensor> load_safetensors(const std::string& path);

/// What the file's maker stored beside the tensors.
std::map<std::string, std::string> safetensors_metadata(const std::string& path);

/// Writes tensors, which must have elements, and texts to go with them. The file appears whole or not at all.
void save_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata = {},
                      SourceLocation where = SourceLocation::current());

/// ... the tensors of a tree, under the names that named_tensors() gives them.
template <class T>
  requires(!std::same_as<T, std::map<std::string, Tensor>>)
void save_safetensors(const std::string& path, const T& tree,
                      const std::map<std::string, std::string>& metadata = {},
                      SourceLocation where = SourceLocation::current()) {
  save_safetensors(path, named_tensors(tree), metadata, where);
}

struct LoadOptions {
  /// False: names that only the file has, or only the tree, are passed over.
  bool strict = true;
};

namespace detail {

struct NamedSlot {
  std::string name;
  Tensor* tensor;
};
void load_slots(const std::vector<NamedSlot>& slots, const std::string& path, const LoadOptions& options,
                const SourceLocation& where);

} // namespace detail

/// Replaces the tensors of `tree` by those of the same names (named_tensors) in a file:
///
///     struct Layer { sinter::Tensor weight, bias; };
///     struct Net { std::vector<Layer> layers; Layer head; };
///     Net net{std::vector<Layer>(2)};
///     load_into(net, "net.safetensors"); // layers.0.weight, layers.0.bias, ..., head.bias
///
/// Types and shapes must be the same, but where a tensor is still `Tensor()`. Tensors that require gradients
/// keep doing so. Throws Error if something does not fit, saying what; nothing is changed then.
template <class T>
void load_into(T& tree, const std::string& path, LoadOptions options = {},
               SourceLocation where = SourceLocation::current()) {
  std::vector<detail::NamedSlot> slots;
  for_each_named_tensor(tree,
                        [&](const std::string& name, Tensor& tensor) { slots.push_back({name, &tensor}); });
  detail::load_slots(slots, path, options, where);
}

} // namespace sinter
