// Images as LLVM constants: runs of bytes between addresses.
#include "codegen/aot/image.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DerivedTypes.h"

namespace sinter::codegen::aot {

Image::Place Image::addBytes(const void* bytes, size_t count, size_t alignment) {
  bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
  const Place place = bytes_.size();
  const auto* first = static_cast<const char*>(bytes);
  bytes_.insert(bytes_.end(), first, first + count);
  return place;
}

Image::Place Image::addText(const std::string& text) {
  for (const auto& [known, place] : texts_)
    if (known == text)
      return place;
  const Place place = addBytes(text.c_str(), text.size() + 1, 1);
  texts_.emplace_back(text, place);
  return place;
}

llvm::GlobalVariable* Image::emit(llvm::Module& module, llvm::StringRef name) const {
  llvm::LLVMContext& context = module.getContext();
  auto* byte = llvm::Type::getInt8Ty(context);
  auto* pointer = llvm::PointerType::getUnqual(context);
  constexpr uint64_t kPointerBytes = 8;

  std::vector<Link> links = links_;
  llvm::sort(links, [](const Link& a, const Link& b) { return a.from < b.from; });
  // Every address follows the bytes before it, and the rest comes last.
  std::vector<llvm::Type*> types;
  Place done = 0;
  for (const Link& link : links) {
    types.push_back(llvm::ArrayType::get(byte, link.from - done));
    types.push_back(pointer);
    done = link.from + kPointerBytes;
  }
  types.push_back(llvm::ArrayType::get(byte, bytes_.size() - done));
  auto* type = llvm::StructType::get(context, types, /*isPacked=*/true);
  auto* image = new llvm::GlobalVariable(module, type, /*isConstant=*/true,
                                         llvm::GlobalValue::ExternalLinkage, nullptr, name);
  image->setVisibility(llvm::GlobalValue::HiddenVisibility);
  image->setAlignment(llvm::Align(64));

  const auto bytesOf = [&](Place begin, Place end) {
    return llvm::ConstantDataArray::getRaw(llvm::StringRef(bytes_.data() + begin, end - begin), end - begin,
                                           byte);
  };
  const auto addressOf = [&](const Link& link) -> llvm::Constant* {
    if (link.symbol.empty())
      return llvm::ConstantExpr::getInBoundsGetElementPtr(
          byte, image, llvm::ConstantInt::get(llvm::Type::getInt64Ty(context), link.to));
    if (llvm::GlobalValue* known = module.getNamedValue(link.symbol))
      return known;
    // What it is does not matter here; the linker finds it.
    auto* symbol = new llvm::GlobalVariable(module, byte, true, llvm::GlobalValue::ExternalLinkage, nullptr,
                                            link.symbol);
    symbol->setVisibility(llvm::GlobalValue::HiddenVisibility);
    return symbol;
  };
  std::vector<llvm::Constant*> parts;
  done = 0;
  for (const Link& link : links) {
    parts.push_back(bytesOf(done, link.from));
    parts.push_back(addressOf(link));
    done = link.from + kPointerBytes;
  }
  parts.push_back(bytesOf(done, bytes_.size()));
  image->setInitializer(llvm::ConstantStruct::get(type, parts));
  return image;
}

} // namespace sinter::codegen::aot
