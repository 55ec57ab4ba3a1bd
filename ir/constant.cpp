// Constants that share their storage with tensors, model files and executables.
#include "ir/constant.h"

#include "ir/constant_deferral.h"
#include "ir/ops.h"

#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

#include <cstring>
#include <map>
#include <mutex>
#include <utility>

using namespace mlir;

namespace sinter::ir {
namespace {

// Below this, an attribute of its own is cheaper than a blob, and readable in the text.
constexpr int64_t kInlineBytes = 512;

// From the first byte of a blob to the storage it lies in. MLIR's blobs know only bytes; an executable that
// outlives the module needs the owner.
class BlobRegistry {
public:
  void add(const void* data, const std::shared_ptr<Storage>& storage) {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_[data];
    entry.storage = storage;
    ++entry.uses;
  }
  void remove(const void* data) {
    const std::lock_guard lock(mutex_);
    auto found = entries_.find(data);
    if (found != entries_.end() && --found->second.uses == 0)
      entries_.erase(found);
  }
  // Null where the bytes are not of a storage.
  std::shared_ptr<Storage> find(const void* data) {
    const std::lock_guard lock(mutex_);
    auto found = entries_.find(data);
    if (found == entries_.end())
      return nullptr;
    auto storage = found->second.storage.lock();
    if (!storage)
      throw Error("a constant is read after its elements are gone", ErrorKind::internal);
    return storage;
  }

private:
  struct Entry {
    std::weak_ptr<Storage> storage;
    int uses = 0;
  };
  std::mutex mutex_;
  std::map<const void*, Entry> entries_;
};

BlobRegistry& blobRegistry() {
  static auto* registry = new BlobRegistry; // contexts may die after static destructors ran
  return *registry;
}

enum class Hold : uint8_t {
  shared, ///< the storage lives as long as MLIR keeps the blob
  weak,   ///< others keep it alive while the elements are read
};

// The state of a blob's deleter.
class BlobOwner {
public:
  BlobOwner(const void* data, std::shared_ptr<Storage> storage, Hold hold)
      : data_(data), storage_(hold == Hold::shared ? storage : nullptr) {
    blobRegistry().add(data_, storage);
  }
  BlobOwner(BlobOwner&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), storage_(std::move(other.storage_)) {}
  ~BlobOwner() {
    if (data_)
      blobRegistry().remove(data_);
  }
  void operator()(void*, size_t, size_t) const {}

private:
  const void* data_; // null: moved from
  std::shared_ptr<Storage> storage_;
};

// Splat attributes and packed booleans are expanded to one element each.
std::shared_ptr<Storage> expand(DenseElementsAttr dense, DType dtype) {
  const size_t bytes = static_cast<size_t>(dense.getNumElements()) * size_of(dtype);
  auto storage = Storage::allocate(bytes);
  if (dtype == DType::boolean) {
    auto* out = reinterpret_cast<bool*>(storage->data());
    for (bool element : dense.getValues<bool>())
      *out++ = element;
    return storage;
  }
  const ArrayRef<char> raw = dense.getRawData();
  if (bytes == 0) // memcpy must not be given the null pointer of an empty attribute
    return storage;
  if (!dense.isSplat()) {
    std::memcpy(storage->data(), raw.data(), bytes);
    return storage;
  }
  for (size_t at = 0; at < bytes; at += size_of(dtype))
    std::memcpy(storage->data() + at, raw.data(), size_of(dtype));
  return storage;
}

AsmResourceBlob blobOf(RankedTensorType type, std::shared_ptr<Storage> storage, uint64_t byteOffset,
                       Hold hold = Hold::shared) {
  const char* data = reinterpret_cast<char*>(storage->data()) + byteOffset;
  return {ArrayRef(data, static_cast<size_t>(storedBytes(type))), size_of(dtypeOf(type.getElementType())),
          BlobOwner(data, std::move(storage), hold), /*dataIsMutable=*/false};
}

// The attribute of this key, null if there is none.
DenseResourceElementsAttr resourceOf(RankedTensorType type, StringRef key) {
  auto& manager = DenseResourceElementsHandle::getManagerInterface(type.getContext());
  auto* entry = manager.getBlobManager().lookup(key);
  return entry && entry->getBlob()
             ? DenseResourceElementsAttr::get(
                   type, DenseResourceElementsHandle(entry, cast<BuiltinDialect>(manager.getDialect())))
             : DenseResourceElementsAttr();
}

StringRef bytesOf(DenseResourceElementsAttr attribute) {
  const ArrayRef<char> bytes = attribute.getRawHandle().getBlob()->getData();
  return {bytes.data(), bytes.size()};
}

} // namespace

Shape physicalShape(RankedTensorType type) {
  if (auto layout = dyn_cast_or_null<LayoutAttr>(type.getEncoding()))
    return Shape(layout.getPhysicalShape(type.getShape()));
  return shapeOf(type);
}

ElementsAttr makeElements(RankedTensorType type, std::shared_ptr<Storage> storage, uint64_t byteOffset) {
  const int64_t bytes = storedBytes(type);
  const DType dtype = dtypeOf(type.getElementType());
  char* data = reinterpret_cast<char*>(storage->data()) + byteOffset;
  if (bytes <= kInlineBytes && !type.getEncoding()) {
    if (dtype == DType::boolean)
      return DenseElementsAttr::get(type,
                                    ArrayRef(reinterpret_cast<bool*>(data), static_cast<size_t>(bytes)));
    return DenseElementsAttr::getFromRawBuffer(type, ArrayRef(data, static_cast<size_t>(bytes)));
  }
  // The key only has to be readable: the blob manager makes it unique.
  return DenseResourceElementsAttr::get(type, "weight", blobOf(type, std::move(storage), byteOffset));
}

ElementsAttr makeTable(RankedTensorType type, const std::shared_ptr<Storage>& storage) {
  const auto bytes = static_cast<size_t>(storedBytes(type));
  if (static_cast<int64_t>(bytes) <= kInlineBytes && !type.getEncoding())
    return makeElements(type, storage);
  const StringRef elements(reinterpret_cast<const char*>(storage->data()), bytes);
  const std::string key = "table_" + llvm::utohexstr(llvm::xxh3_64bits(elements));
  if (const auto there = resourceOf(type, key); there && bytesOf(there) == elements)
    return there;
  return DenseResourceElementsAttr::get(type, key, blobOf(type, storage, 0));
}

ElementsAttr makeKeyedElements(RankedTensorType type, const std::shared_ptr<Storage>& storage,
                               StringRef key) {
  if (storedBytes(type) <= kInlineBytes && !type.getEncoding())
    return makeElements(type, storage);
  if (const auto there = resourceOf(type, key))
    return there;
  return DenseResourceElementsAttr::get(type, key, blobOf(type, storage, 0, Hold::weak));
}

ConstantData readElements(ElementsAttr value) {
  const auto type = cast<RankedTensorType>(value.getType());
  const DType dtype = dtypeOf(type.getElementType());
  ConstantData data;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    if (const auto* deferral = ConstantDeferral::of(value.getContext()))
      if (const auto* make = deferral->find(resource)) {
        data.storage = (*make)();
        data.view = View::dense(data.storage->data(), dtype, physicalShape(type));
        return data;
      }
    AsmResourceBlob* blob = resource.getRawHandle().getBlob();
    if (!blob || static_cast<int64_t>(blob->getData().size()) != storedBytes(type))
      throw Error("a constant has no data, or not as much as its type says");
    const ArrayRef<char> bytes = blob->getData();
    data.storage = blobRegistry().find(bytes.data());
    if (data.storage) {
      data.byteOffset = static_cast<uint64_t>(bytes.data() - reinterpret_cast<char*>(data.storage->data()));
    } else { // read from text: the bytes belong to the context
      data.storage = Storage::allocate(bytes.size());
      if (!bytes.empty())
        std::memcpy(data.storage->data(), bytes.data(), bytes.size());
    }
    data.view = View::dense(data.storage->data() + data.byteOffset, dtype, physicalShape(type));
    return data;
  }
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense)
    throw Error("a constant of an attribute kind that cannot be read");
  data.storage = expand(dense, dtype);
  data.view = View::dense(data.storage->data(), dtype, physicalShape(type));
  return data;
}

void makePromisedConstants(Operation* module) {
  module->walk([](ConstantOp constant) {
    const auto resource = dyn_cast<DenseResourceElementsAttr>(constant.getValue());
    const auto* deferral = ConstantDeferral::of(constant.getContext());
    if (resource && deferral && deferral->find(resource))
      constant.setValueAttr(makeElements(tensorType(constant.getResult()), readElements(resource).storage));
  });
}

std::optional<ConstantData> constantData(Value value) {
  if (auto constant = value.getDefiningOp<ConstantOp>())
    return readElements(constant.getValue());
  return std::nullopt;
}

std::optional<SmallVector<int64_t>> constantIntegers(Value value) {
  auto data = constantData(value);
  if (!data || (data->view.dtype != DType::i64 && data->view.dtype != DType::i32))
    return std::nullopt;
  SmallVector<int64_t> result;
  for (int64_t i = 0; i < data->view.elements(); ++i)
    result.push_back(data->view.dtype == DType::i64 ? data->view.as<int64_t>()[i]
                                                    : data->view.as<int32_t>()[i]);
  return result;
}

} // namespace sinter::ir
