// A saved function: a safetensors file with a program in its metadata.
#include "frontend/saved/saved_program.h"

#include "frontend/data/byte_source.h"
#include "frontend/data/file_identity.h"
#include "frontend/saved/program_text.h"
#include "frontend/trace/errors.h"
#include "frontend/trace/trace.h"
#include "ir/ops.h"
#include "sinter/error.h"
#include "sinter/runtime/digest.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>

using namespace mlir;

namespace sinter::saved {
namespace {

using safetensors::Entry;
using safetensors::quoted;

// What is smaller takes no memory worth a second read.
constexpr uint64_t kLargeWeight = 64 << 10;

func::FuncOp main_of(ModuleOp module) {
  return cast<func::FuncOp>(module.getBody()->front());
}

ModelValue value_of(Type type, Attribute name) {
  const auto tensor = cast<RankedTensorType>(type);
  ModelValue value;
  value.name = cast<StringAttr>(name).str();
  value.dtype = ir::dtypeOf(tensor.getElementType());
  value.dims.assign(tensor.getShape().begin(), tensor.getShape().end());
  value.dim_names.resize(value.dims.size());
  return value;
}

model::StoredWeight weight_in(const std::shared_ptr<data::ByteSource>& source,
                              const std::shared_ptr<const data::FileIdentity>& identity, const Entry& entry,
                              uint64_t position) {
  if (entry.dtype != DType::boolean && entry.bytes >= kLargeWeight)
    return {entry.dtype, entry.shape,
            [source, position, bytes = entry.bytes] { return source->read_part(position, bytes); },
            [identity, position] { return identity->text() + " from " + std::to_string(position); }};
  const auto storage = source->read_part(position, entry.bytes);
  if (entry.dtype == DType::boolean) // a bool other than 0 or 1 is undefined behaviour waiting
    std::for_each_n(storage->data(), entry.bytes,
                    [](std::byte& element) { element = std::byte{element != std::byte{0}}; });
  return model::StoredWeight({storage, entry.dtype, entry.shape});
}

} // namespace

std::string checksum_of(const std::string& program) {
  return llvm::utohexstr(rt::checksum(program), /*LowerCase=*/true, /*Width=*/16);
}

bool is_saved(const std::string& path) {
  data::ByteSource source(path);
  return safetensors::looks_like_safetensors(source);
}

std::unique_ptr<SavedProgram> SavedProgram::load(const std::string& path) {
  try {
    return std::unique_ptr<SavedProgram>(new SavedProgram(path));
  } catch (const Error& error) {
    std::string text = error.what();
    std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 32 || c == 127; }, ' ');
    throw Error("cannot read " + path + ": " + trace::in_user_terms(text), error.kind());
  }
}

SavedProgram::SavedProgram(const std::string& path) {
  const auto source = std::make_shared<data::ByteSource>(path);
  safetensors::Header header = safetensors::read_header(*source);
  metadata_ = std::move(header.metadata);
  const auto version = metadata_.find(kVersionKey);
  const auto program = metadata_.find(kProgramKey);
  if (version == metadata_.end() || program == metadata_.end())
    throw Error("it holds tensors and no program: it is no saved function");
  if (version->second != kVersion)
    throw Error("it is a saved function of version " + quoted(version->second) + "; only version " +
                kVersion + " is understood");
  text_ = std::move(program->second);
  metadata_.erase(program);
  if (metadata_[kChecksumKey] != checksum_of(text_))
    throw Error("its program was damaged: the checksum is another");
  std::erase_if(metadata_, [](const auto& entry) { return entry.first.starts_with("sinter."); });
  const auto context = trace::make_context();
  const OwningOpRef<ModuleOp> module = parse_program(text_, *context);
  read_values(*module);
  read_weights(*module, header, source);
}

void SavedProgram::read_values(ModuleOp module) {
  func::FuncOp main = main_of(module);
  for (unsigned i = 0; i < main.getNumArguments(); ++i)
    inputs.push_back(value_of(main.getArgumentTypes()[i], main.getArgAttr(i, kName)));
  for (unsigned i = 0; i < main.getNumResults(); ++i)
    outputs.push_back(value_of(main.getResultTypes()[i], main.getResultAttr(i, kName)));
}

void SavedProgram::read_weights(ModuleOp module, const safetensors::Header& header,
                                const std::shared_ptr<data::ByteSource>& source) {
  std::map<std::string, const Entry*> entries;
  for (const Entry& entry : header.tensors)
    entries.emplace(entry.name, &entry);
  const auto identity = std::make_shared<data::FileIdentity>(source);
  std::map<std::string, bool> may_be_given;
  Block* body = &main_of(module).getBody().front();
  module.walk([&](ir::ConstantOp constant) {
    const auto attribute = constant->getAttrOfType<StringAttr>(kWeight);
    if (!attribute)
      return;
    const std::string name = attribute.str();
    const auto found = entries.find(name);
    if (found == entries.end())
      throw Error("its program needs the tensor " + quoted(name) + ", which is not in the file");
    const Entry& entry = *found->second;
    const RankedTensorType type = ir::tensorType(constant.getResult());
    const DType dtype = ir::dtypeOf(type.getElementType());
    if (dtype != entry.dtype || ir::shapeOf(type) != entry.shape)
      throw Error("tensor " + quoted(name) + " is " + std::string(name_of(entry.dtype)) +
                  to_string(entry.shape) + ", but its program needs " + std::string(name_of(dtype)) +
                  to_string(ir::shapeOf(type)));
    for (const ModelValue& input : inputs)
      if (input.name == name)
        throw Error("a tensor has the name of the input " + quoted(name));
    if (!weights.contains(name))
      weights.emplace(name, weight_in(source, identity, entry, header.data_begin + entry.begin));
    // Nothing from outside can be used in the body of a branch or a loop.
    bool& at_top = may_be_given.emplace(name, true).first->second;
    at_top &= constant->getBlock() == body;
  });
  for (const auto& [name, at_top] : may_be_given)
    if (const auto& weight = weights.at(name);
        at_top && is_floating(weight.dtype()) && weight.shape().rank() > 0)
      parameters_.push_back(name);
}

SmallVector<Value> SavedProgram::append(OpBuilder& builder, model::NamedValues given,
                                        model::ElementsOf elements) const {
  OwningOpRef<ModuleOp> module = parse_known_program(text_, *builder.getContext());
  Block& body = main_of(*module).getBody().front();
  IRMapping values;
  for (const auto& [argument, input] : llvm::zip_equal(body.getArguments(), inputs))
    values.map(argument, given.at(input.name));
  module->walk([&](ir::ConstantOp constant) {
    const auto name = constant->getAttrOfType<StringAttr>(kWeight);
    if (!name)
      return;
    if (const auto found = given.find(name.str()); found != given.end()) {
      if (constant->getBlock() != &body)
        throw Error("weight '" + name.str() +
                    "' is used in the body of a branch or a loop: nothing can take "
                    "its place there");
      values.map(constant.getResult(), found->second);
      return;
    }
    constant.setValueAttr(elements(name.str(), weights.at(name.str()), ir::tensorType(constant.getResult())));
    constant->removeAttr(kWeight);
    constant->setLoc(NameLoc::get(name));
  });
  for (Operation& op : body.without_terminator())
    if (op.getNumResults() == 0 || !values.contains(op.getResult(0)))
      builder.clone(op, values);
  SmallVector<Value> results;
  for (Value result : body.getTerminator()->getOperands())
    results.push_back(values.lookup(result));
  return results;
}

} // namespace sinter::saved
