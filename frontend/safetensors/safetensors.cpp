// Files of named tensors: load_safetensors, save_safetensors, load_into.
#include "sinter/safetensors.h"

#include "frontend/data/byte_source.h"
#include "frontend/safetensors/header.h"
#include "frontend/trace/errors.h"
#include "frontend/trace/placement.h"
#include "sinter/runtime/file_writer.h"

#include <algorithm>
#include <cstring>

namespace sinter {
namespace {

using safetensors::Entry;
using safetensors::quoted;

template <class Read>
auto reading(const std::string& path, Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw Error("cannot read " + path + ": " + error.what(), error.kind());
  }
}

// The elements of a tensor in a mapped file, where they lie if they can be used there.
std::shared_ptr<Storage> elements_in(const std::shared_ptr<Storage>& file, const Entry& entry,
                                     uint64_t data_begin) {
  std::byte* at = file->data() + data_begin + entry.begin;
  const auto is_aligned = reinterpret_cast<std::uintptr_t>(at) % size_of(entry.dtype) == 0;
  if (entry.dtype != DType::boolean && is_aligned && entry.bytes > 0)
    return Storage::adopt(at, entry.bytes, file);
  auto copy = Storage::allocate(entry.bytes);
  if (entry.dtype == DType::boolean) // a bool other than 0 or 1 is undefined behaviour waiting
    std::transform(at, at + entry.bytes, copy->data(),
                   [](std::byte element) { return std::byte{element != std::byte{0}}; });
  else if (entry.bytes > 0)
    std::memcpy(copy->data(), at, entry.bytes);
  return copy;
}

std::string described(const Tensor& tensor) {
  return std::string(name_of(tensor.dtype())) + to_string(tensor.shape());
}

// "2 tensors are missing ('a', 'b')"; empty if there are none.
std::string counted(const std::vector<std::string>& names, const std::string& what) {
  constexpr std::size_t kShown = 4;
  if (names.empty())
    return {};
  std::string text =
      std::to_string(names.size()) + (names.size() == 1 ? " tensor is " : " tensors are ") + what + " (";
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    (text += i > 0 ? ", " : "") += names[i];
  return text + (names.size() > kShown ? ", ...)" : ")");
}

// A tensor that was never given elements takes those of any shape.
bool fits(const Tensor& slot, const Tensor& loaded) {
  const bool open = slot.dtype() == DType::f32 && slot.shape() == Shape{0};
  return open || (slot.dtype() == loaded.dtype() && slot.shape() == loaded.shape());
}

} // namespace

std::map<std::string, Tensor> load_safetensors(const std::string& path) {
  data::ByteSource source(path);
  return reading(path, [&] {
    const safetensors::Header header = safetensors::read_header(source);
    const auto file = source.map();
    std::map<std::string, Tensor> tensors;
    for (const Entry& entry : header.tensors)
      tensors.emplace(entry.name, Tensor::from_storage(elements_in(file, entry, header.data_begin),
                                                       entry.dtype, entry.shape));
    return tensors;
  });
}

std::map<std::string, std::string> safetensors_metadata(const std::string& path) {
  data::ByteSource source(path);
  return reading(path, [&] { return safetensors::read_header(source).metadata; });
}

void save_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata, SourceLocation where) {
  trace::locate(where, "save_safetensors", [&] {
    std::vector<std::pair<Entry, Tensor>> pieces;
    for (const auto& [name, tensor] : tensors) {
      if (!trace::is_readable(tensor))
        throw Error("tensor " + quoted(name) +
                    " has no elements: it stands for a value of a function that "
                    "is traced");
      const Tensor dense = trace::placed(tensor, Device::cpu);
      pieces.push_back({{name, dense.dtype(), dense.shape(), 0, dense.view().bytes()}, dense});
    }
    // From the widest elements to the narrowest: each begins at a multiple of its size.
    std::sort(pieces.begin(), pieces.end(), [](const auto& a, const auto& b) {
      const std::size_t wide = size_of(a.first.dtype), other = size_of(b.first.dtype);
      return wide != other ? wide > other : a.first.name < b.first.name;
    });
    std::vector<Entry> entries;
    uint64_t at = 0;
    for (auto& [entry, tensor] : pieces) {
      entry.begin = at;
      at += entry.bytes;
      entries.push_back(entry);
    }
    const std::string header = safetensors::header_bytes(entries, metadata);
    rt::FileWriter file(path);
    file.write(header.data(), header.size());
    for (const auto& [entry, tensor] : pieces)
      file.write(tensor.view().data, entry.bytes);
    file.put_in_place();
  });
}

void detail::load_slots(const std::vector<NamedSlot>& slots, const std::string& path,
                        const LoadOptions& options, const SourceLocation& where) {
  trace::locate(where, "load_into", [&] {
    std::map<std::string, Tensor> loaded = load_safetensors(path);
    std::vector<std::string> missing, unexpected, unlike;
    std::vector<std::pair<Tensor*, Tensor>> found;
    for (const auto& [name, slot] : slots) {
      const auto at = loaded.find(name);
      if (at == loaded.end()) {
        missing.push_back(quoted(name));
        continue;
      }
      if (fits(*slot, at->second))
        found.emplace_back(slot, std::move(at->second));
      else
        unlike.push_back(quoted(name) + " is " + described(at->second) + " and must be " + described(*slot));
      loaded.erase(at);
    }
    for (const auto& [name, tensor] : loaded)
      unexpected.push_back(quoted(name));
    if (!options.strict)
      missing = unexpected = {};
    std::string problems;
    for (const std::string& problem : {counted(missing, "missing"), counted(unexpected, "not expected"),
                                       counted(unlike, "of another type or shape")})
      if (!problem.empty())
        (problems += problems.empty() ? "" : "; ") += problem;
    if (!problems.empty())
      throw Error(path + " does not fit: " + problems);
    for (auto& [slot, tensor] : found) {
      if (trace::node_of(*slot).gradient) // stays the leaf that it is, for all copies
        slot->assign(tensor, where);
      else
        *slot = std::move(tensor);
    }
  });
}

} // namespace sinter
