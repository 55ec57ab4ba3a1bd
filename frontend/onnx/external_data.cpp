// Weights that lie in files beside the model.
#include "frontend/onnx/external_data.h"

#include "frontend/data/byte_source.h"
#include "sinter/runtime/error.h"

#include "onnx.pb.h"

#include <charconv>
#include <filesystem>

namespace sinter::onnx_import {
namespace {

namespace fs = std::filesystem;

uint64_t parse_number(const std::string& key, const std::string& text) {
  uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size())
    throw Error("its external data has " + key + " '" + text + "', which is not a number");
  return value;
}

// The real path of `location`, which must lie under the real path of `folder`.
std::string resolve(const std::string& folder, const std::string& location) {
  const fs::path relative(location);
  if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute())
    throw Error("its external data lies at '" + location.substr(0, location.find('\0')) +
                "', which is not a path inside the model's folder");
  for (const fs::path& part : relative)
    if (part == "..")
      throw Error("its external data lies at '" + location + "', which leaves the model's folder");
  std::error_code code;
  const fs::path root = fs::canonical(folder, code);
  const fs::path file = code ? fs::path() : fs::canonical(root / relative, code);
  if (code)
    throw Error("its external data '" + location + "' cannot be opened: " + code.message());
  const auto [in_root, in_file] = std::mismatch(root.begin(), root.end(), file.begin(), file.end());
  if (in_root != root.end())
    throw Error("its external data lies at '" + location + "', a link that leaves the model's folder");
  return file.string();
}

} // namespace

std::shared_ptr<Storage> read_external_data(const std::string& folder, const onnx::TensorProto& tensor,
                                            uint64_t bytes) {
  std::string location;
  uint64_t offset = 0, length = bytes;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset")
      offset = parse_number("offset", entry.value());
    else if (entry.key() == "length")
      length = parse_number("length", entry.value());
  }
  if (length != bytes)
    throw Error("its external data has " + std::to_string(length) + " bytes where its dimensions say " +
                std::to_string(bytes));
  data::ByteSource source(resolve(folder, location), /*follow=*/false);
  if (offset > source.size() || bytes > source.size() - offset)
    throw Error("its external data '" + location + "' has " + std::to_string(source.size()) + " bytes, but " +
                std::to_string(bytes) + " are asked for at " + std::to_string(offset));
  auto storage = Storage::allocate(bytes);
  source.seek(offset);
  source.read(storage->data(), bytes);
  return storage;
}

} // namespace sinter::onnx_import
