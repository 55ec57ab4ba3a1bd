// Compiled kernels on disk: their bytes, and whether and where they are kept.
#include "codegen/kernel/kernel_store.h"

#include "codegen/kernel/build_identity.h"
#include "sinter/runtime/error.h"

#include <array>
#include <cstring>

namespace sinter::codegen {
namespace {

constexpr size_t kObjectAlignment = 16;

// What comes first; the texts follow in this order, then the object. The cache on disk has checked every
// byte: what is looked at here is whether it is a kernel at all.
struct Prefix {
  std::array<char, 8> magic{'k', 'e', 'r', 'n', 'e', 'l', '0', '1'};
  int64_t tasks = 1;
  int64_t grain = 1;
  uint64_t scratchBytes = 0;
  uint32_t symbolBytes = 0;
  uint32_t algorithmBytes = 0;
  uint32_t targetBytes = 0;
  uint32_t untried = 0;
  uint64_t objectBytes = 0;
};
static_assert(sizeof(Prefix) == 56);

uint64_t objectOffset(const Prefix& prefix) {
  const uint64_t end =
      sizeof prefix + uint64_t{prefix.symbolBytes} + prefix.algorithmBytes + prefix.targetBytes;
  return (end + kObjectAlignment - 1) / kObjectAlignment * kObjectAlignment;
}

} // namespace

std::string pack(const StoredKernel& kernel) {
  Prefix prefix;
  prefix.tasks = kernel.tasks;
  prefix.grain = kernel.grain;
  prefix.scratchBytes = kernel.scratchBytes;
  prefix.symbolBytes = static_cast<uint32_t>(kernel.symbol.size());
  prefix.algorithmBytes = static_cast<uint32_t>(kernel.algorithm.size());
  prefix.targetBytes = static_cast<uint32_t>(kernel.target.size());
  prefix.untried = kernel.untried;
  prefix.objectBytes = kernel.object.size();
  std::string bytes;
  bytes.reserve(objectOffset(prefix) + kernel.object.size());
  bytes.append(reinterpret_cast<const char*>(&prefix), sizeof prefix);
  bytes.append(kernel.symbol).append(kernel.algorithm).append(kernel.target);
  bytes.resize(objectOffset(prefix));
  bytes.append(kernel.object);
  return bytes;
}

std::optional<StoredKernel> unpack(std::string_view bytes) {
  Prefix prefix;
  if (bytes.size() < sizeof prefix)
    return std::nullopt;
  std::memcpy(&prefix, bytes.data(), sizeof prefix);
  if (prefix.magic != Prefix().magic || objectOffset(prefix) > bytes.size() ||
      prefix.objectBytes != bytes.size() - objectOffset(prefix) || prefix.tasks < 0 || prefix.grain < 1)
    return std::nullopt;
  size_t at = sizeof prefix;
  const auto next = [&](size_t size) {
    at += size;
    return bytes.substr(at - size, size);
  };
  StoredKernel kernel;
  kernel.symbol = next(prefix.symbolBytes);
  kernel.algorithm = next(prefix.algorithmBytes);
  kernel.target = next(prefix.targetBytes);
  kernel.tasks = prefix.tasks;
  kernel.grain = prefix.grain;
  kernel.scratchBytes = prefix.scratchBytes;
  kernel.untried = prefix.untried;
  kernel.object = bytes.substr(objectOffset(prefix));
  return kernel;
}

KernelStore& KernelStore::instance() {
  // Never destroyed: static objects of the program may still compile while it exits.
  static auto* const store = new KernelStore(rt::DiskCacheSettings::from_environment(), buildIdentity());
  return *store;
}

KernelStore* KernelStore::ifOn() {
  return instance().off().empty() ? &instance() : nullptr;
}

KernelStore::KernelStore(const rt::DiskCacheSettings& settings, std::string identity)
    : off_(settings.off), identity_(std::move(identity)), cache_(settings.directory, settings.capacity) {
  if (off_.empty() && identity_.empty())
    off_ = "this program or a library of its has no build-id, so that it cannot be told from an older one "
           "(link with -Wl,--build-id)";
}

std::string KernelStore::off() const {
  return off_.empty() ? cache_.refusal() : off_;
}

bool KernelStore::load(const rt::Digest& digest, llvm::function_ref<void(const StoredKernel&)> link) const {
  std::vector<char> bytes;
  if (!cache_.find(digest, bytes))
    return false;
  try {
    if (const auto stored = unpack({bytes.data(), bytes.size()})) {
      link(*stored);
      return true;
    }
  } catch (const Error&) { // compiled anew, it may be linked
  }
  cache_.remove(digest);
  return false;
}

rt::Digest KernelStore::digestOf(std::string_view kind, std::string_view key) const {
  // Each part ends before the next begins: no two different ones make the same text.
  std::string text = "sinter ";
  text.append(kind).append("\n").append(identity_).append("\n");
  return rt::sha256(text.append(key));
}

} // namespace sinter::codegen
