// CompiledFunction::save and load.
#include "frontend/trace/compiled_function.h"

#include "frontend/model/source/traced_model.h"
#include "frontend/safetensors/header.h"
#include "frontend/saved/program_text.h"
#include "frontend/saved/saved_program.h"
#include "frontend/trace/errors.h"
#include "ir/constant.h"
#include "ir/ops.h"
#include "sinter/safetensors.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <set>

namespace sinter {
namespace {

using namespace saved;
using safetensors::quoted;

// Smaller constants, and those of one number, stay in the text.
constexpr int64_t kInlineBytes = 512;

// Moves the weights of a module out of it.
class WeightWriter {
public:
  explicit WeightWriter(const SaveOptions& options) {
    for (const auto& [name, tensor] : options.weights)
      named_.emplace(trace::node_of(trace::concrete(tensor)).view().data, name);
  }

  void take(ir::ConstantOp constant) {
    const mlir::ElementsAttr value = constant.getValue();
    const mlir::RankedTensorType type = ir::tensorType(constant.getResult());
    const auto dense = llvm::dyn_cast<mlir::DenseElementsAttr>(value);
    if (dense && (dense.isSplat() || ir::storedBytes(type) <= kInlineBytes))
      return;
    const std::string& name = name_of(ir::readElements(value), constant);
    auto* context = constant.getContext();
    mlir::OpBuilder builder(context);
    constant.setValueAttr(mlir::DenseElementsAttr::get(type, builder.getZeroAttr(type.getElementType())));
    constant->setAttr(kWeight, builder.getStringAttr(name));
  }

  std::map<std::string, Tensor> tensors;

private:
  // The same elements are one tensor of the file.
  const std::string& name_of(const ir::ConstantData& data, ir::ConstantOp constant) {
    std::string& name = names_[{data.view.data, to_string(data.view)}];
    if (!name.empty())
      return name;
    std::string wanted = wanted_name(data.view.data, constant);
    name = wanted;
    for (int i = 1; tensors.contains(name) || name == "__metadata__"; ++i)
      name = wanted + "_" + std::to_string(i);
    tensors.emplace(name, Tensor::from_storage(data.storage, data.view.dtype, data.view.shape,
                                               data.view.strides, data.byteOffset));
    return name;
  }

  // Weights of models have the names that they have there.
  std::string wanted_name(const void* data, ir::ConstantOp constant) {
    if (const auto found = named_.find(data); found != named_.end() && !found->second.empty())
      return found->second;
    if (const auto name = llvm::dyn_cast<mlir::NameLoc>(constant.getLoc()); name && !name.getName().empty())
      return name.getName().str();
    return "weight" + std::to_string(tensors.size());
  }

  std::map<const void*, std::string> named_;
  std::map<std::pair<const void*, std::string>, std::string> names_;
};

// The names given, or those that are there.
void rename(const std::vector<std::string>& names, unsigned count, const char* what,
            llvm::function_ref<void(unsigned, const std::string&)> set) {
  if (names.empty())
    return;
  if (names.size() != count)
    throw Error("the function has " + std::to_string(count) + " " + what + (count == 1 ? "" : "s") +
                ", but " + std::to_string(names.size()) + " names are given");
  std::set<std::string> used;
  for (unsigned i = 0; i < count; ++i) {
    if (names[i].empty() || !used.insert(names[i]).second)
      throw Error(std::string(what) + " name " + quoted(names[i]) + " is empty or given twice");
    set(i, names[i]);
  }
}

void rename_values(mlir::func::FuncOp main, const SaveOptions& options) {
  const auto text = [&](const std::string& name) { return mlir::StringAttr::get(main.getContext(), name); };
  rename(options.inputs, main.getNumArguments(), "input",
         [&](unsigned i, const std::string& name) { main.setArgAttr(i, kName, text(name)); });
  rename(options.outputs, main.getNumResults(), "output",
         [&](unsigned i, const std::string& name) { main.setResultAttr(i, kName, text(name)); });
}

struct Contents {
  std::map<std::string, Tensor> weights;
  std::map<std::string, std::string> metadata;
};

Contents contents_of(mlir::ModuleOp module, const SaveOptions& options) {
  rename_values(module.lookupSymbol<mlir::func::FuncOp>("main"), options);
  WeightWriter writer(options);
  module.walk([&](ir::ConstantOp constant) { writer.take(constant); });
  const std::string text = print_program(module);
  try { // what could not be read is not written
    parse_program(text, *trace::make_context());
  } catch (const Error& error) {
    throw Error("the function cannot be saved: " + std::string(error.what()), error.kind());
  }
  std::map<std::string, std::string> metadata = options.metadata;
  for (const auto& [key, value] : options.metadata)
    if (key.starts_with("sinter."))
      throw Error("metadata " + quoted(key) + ": keys that begin with 'sinter.' are Sinter's own");
  metadata[kVersionKey] = kVersion;
  metadata[kProgramKey] = text;
  metadata[kChecksumKey] = checksum_of(text);
  return {std::move(writer.tensors), std::move(metadata)};
}

std::string described(const std::string& name, DType dtype, const Shape& shape) {
  return (name.empty() ? "" : name + " ") + std::string(name_of(dtype)) + to_string(shape);
}

// A loaded file and what records it.
struct Loaded {
  const std::string path;
  const std::unique_ptr<const SavedProgram> program;
  model::TracedModel traced{*program};

  explicit Loaded(const std::string& path) : path(path), program(SavedProgram::load(path)) {}

  void check(std::span<const Tensor> inputs) const {
    bool fits = inputs.size() == program->inputs.size();
    std::string saved, given;
    for (std::size_t i = 0; i < program->inputs.size(); ++i) {
      const ModelValue& value = program->inputs[i];
      const Shape shape(value.dims);
      saved += (i > 0 ? ", " : "") + described(value.name, value.dtype, shape);
      fits = fits && inputs[i].dtype() == value.dtype && inputs[i].shape() == shape;
    }
    for (const Tensor& input : inputs)
      given += (given.empty() ? "" : ", ") + described("", input.dtype(), input.shape());
    if (!fits)
      throw Error(path + " was saved for (" + saved + "), got (" + given + ")");
  }
};

} // namespace

void CompiledFunction::save(const std::string& path, std::span<const Tensor> example_inputs,
                            const SaveOptions& names, SourceLocation where) const {
  impl_->check(example_inputs, where);
  const std::lock_guard lock(impl_->trace_mutex);
  impl_->with_trace(example_inputs, where, [&](mlir::ModuleOp module) {
    const Contents contents = trace::locate(where, "save", [&] { return contents_of(module, names); });
    save_safetensors(path, contents.weights, contents.metadata, where);
  });
}

CompiledFunction CompiledFunction::load(const std::string& path, CompileOptions options,
                                        SourceLocation where) {
  detail::check_target("load", options.device, options.precision, where);
  const auto loaded = trace::locate(where, "load", [&] { return std::make_shared<Loaded>(path); });
  auto impl = std::make_shared<Impl>(
      [loaded](std::span<const Tensor> inputs) {
        return loaded->traced.call({}, std::vector<Tensor>(inputs.begin(), inputs.end()), {});
      },
      std::move(options), where);
  impl->check_inputs = [loaded](std::span<const Tensor> inputs) { loaded->check(inputs); };
  impl->saved_inputs = loaded->program->inputs.size();
  impl->saved_outputs = loaded->program->outputs.size();
  return CompiledFunction(std::move(impl));
}

void detail::check_saved(const CompiledFunction& function, std::optional<std::size_t> inputs,
                         std::optional<std::size_t> outputs, const SourceLocation& where) {
  const auto check = [&](std::optional<std::size_t> wanted, std::size_t saved, const char* what) {
    if (wanted && *wanted != saved)
      trace::fail(where, "load_compiled",
                  "the function was saved with " + std::to_string(saved) + " " + what +
                      (saved == 1 ? "" : "s") + ", and is loaded as one of " + std::to_string(*wanted));
  };
  check(inputs, function.impl_->saved_inputs, "input");
  check(outputs, function.impl_->saved_outputs, "output");
}

} // namespace sinter
