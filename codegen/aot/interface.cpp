// The functions of a model's C interface: each hands over to one of the runtime, with the model's tables
// where that asks for them.
#include "codegen/aot/interface.h"

#include "sinter/runtime/aot/interface.h"

#include "llvm/IR/IRBuilder.h"

#include <cstddef>

namespace sinter::codegen::aot {
namespace {

using rt::aot::Interface;

// One letter for each type: p a pointer, i an int32_t, l an int64_t or size_t, v nothing.
struct Function {
  const char* name;
  const char* type; ///< what it returns, then its parameters
  bool takesModel;  ///< before its parameters
  size_t place;     ///< of its address in Interface
};

constexpr Function kFunctions[] = {
    {"create", "ipp", true, offsetof(Interface, create)},
    {"destroy", "vp", false, offsetof(Interface, destroy)},
    {"run", "ippppp", false, offsetof(Interface, run)},
    {"set_dimension", "ippl", false, offsetof(Interface, set_dimension)},
    {"input", "ppl", true, offsetof(Interface, input)},
    {"output", "ppl", true, offsetof(Interface, output)},
    {"workspace_bytes", "li", true, offsetof(Interface, workspace_bytes)},
    {"error", "p", false, offsetof(Interface, error)},
};
constexpr const char* kInputCount = "input_count";
constexpr const char* kOutputCount = "output_count";

class InterfaceEmitter {
public:
  InterfaceEmitter(llvm::Module& module, std::string prefix) : module_(module), prefix_(std::move(prefix)) {}

  llvm::Function* forward(const Function& function, llvm::Constant* model) {
    std::vector<llvm::Type*> own;
    for (const char* letter = function.type + 1; *letter; ++letter)
      own.push_back(typeOf(*letter));
    std::vector<llvm::Type*> theirs = own;
    if (function.takesModel)
      theirs.insert(theirs.begin(), typeOf('p'));
    llvm::Type* result = typeOf(function.type[0]);
    llvm::FunctionCallee callee = module_.getOrInsertFunction(std::string("sinter_aot_") + function.name,
                                                              llvm::FunctionType::get(result, theirs, false));
    llvm::cast<llvm::Function>(callee.getCallee())->setVisibility(llvm::GlobalValue::HiddenVisibility);
    llvm::Function* made = define(function.name, llvm::FunctionType::get(result, own, false));
    std::vector<llvm::Value*> arguments;
    if (function.takesModel)
      arguments.push_back(model);
    for (llvm::Argument& argument : made->args())
      arguments.push_back(&argument);
    llvm::CallInst* call = builder_.CreateCall(callee, arguments);
    call->setTailCall();
    if (result->isVoidTy())
      builder_.CreateRetVoid();
    else
      builder_.CreateRet(call);
    return made;
  }

  void constant(const char* name, uint64_t value) {
    define(name, llvm::FunctionType::get(typeOf('l'), false));
    builder_.CreateRet(builder_.getInt64(value));
  }

private:
  llvm::Function* define(const char* name, llvm::FunctionType* type) {
    auto* made = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, prefix_ + name, module_);
    made->addFnAttr(llvm::Attribute::NoUnwind);
    builder_.SetInsertPoint(llvm::BasicBlock::Create(module_.getContext(), "", made));
    return made;
  }

  llvm::Type* typeOf(char letter) {
    switch (letter) {
    case 'p':
      return builder_.getPtrTy();
    case 'i':
      return builder_.getInt32Ty();
    case 'l':
      return builder_.getInt64Ty();
    default:
      return builder_.getVoidTy();
    }
  }

  llvm::Module& module_;
  std::string prefix_;
  llvm::IRBuilder<> builder_{module_.getContext()};
};

} // namespace

std::vector<std::string> exportedNames(const std::string& name, bool forLoader) {
  std::vector<std::string> names;
  for (const Function& function : kFunctions)
    names.push_back(name + "_" + function.name);
  names.push_back(name + "_" + kInputCount);
  names.push_back(name + "_" + kOutputCount);
  if (forLoader)
    names.emplace_back(rt::aot::kInterfaceSymbol);
  return names;
}

void emitInterface(llvm::Module& module, const LibraryContents& contents, ModelTables& tables,
                   bool forLoader) {
  const std::string prefix = contents.name + "_";
  Image::Place interface = 0;
  if (forLoader) {
    const Interface head;
    interface = tables.image.add(&head);
    tables.image.point(interface + offsetof(Interface, model), tables.model);
    for (const Function& function : kFunctions)
      tables.image.point(interface + function.place, prefix + function.name);
  }
  llvm::GlobalVariable* image = tables.image.emit(module, "sinter_tables");
  llvm::LLVMContext& context = module.getContext();
  const auto at = [&](Image::Place place) {
    return llvm::ConstantExpr::getInBoundsGetElementPtr(
        llvm::Type::getInt8Ty(context), image,
        llvm::ConstantInt::get(llvm::Type::getInt64Ty(context), place));
  };
  InterfaceEmitter emitter(module, prefix);
  for (const Function& function : kFunctions) {
    // The image refers to it already, as to something that is defined elsewhere.
    llvm::GlobalValue* promised = module.getNamedValue(prefix + function.name);
    if (promised)
      promised->setName("");
    llvm::Function* made = emitter.forward(function, at(tables.model));
    if (promised) {
      promised->replaceAllUsesWith(made);
      promised->eraseFromParent();
    }
  }
  const rt::Executable& first = *contents.versions.front().programs.front();
  emitter.constant(kInputCount, first.inputs().size());
  emitter.constant(kOutputCount, first.outputs().size());
  if (forLoader)
    llvm::GlobalAlias::create(llvm::Type::getInt8Ty(context), 0, llvm::GlobalValue::ExternalLinkage,
                              rt::aot::kInterfaceSymbol, at(interface), &module);
}

} // namespace sinter::codegen::aot
