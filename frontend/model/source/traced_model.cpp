// A model as part of a function that is traced.
#include "frontend/model/source/traced_model.h"

#include "ir/constant.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace sinter::model {
namespace {

std::string next_id() {
  static std::atomic<uint64_t> count{0};
  return "model" + std::to_string(++count);
}

std::string describe(DType dtype, const Shape& shape) {
  return std::string(name_of(dtype)) + to_string(shape);
}

// The trace of the first tensor of which operations are recorded; null: there is none.
std::shared_ptr<trace::Trace> trace_recording(std::span<const Tensor> tensors) {
  for (const Tensor& tensor : tensors)
    if (const trace::Node& node = trace::node_of(tensor); node.may_record())
      if (auto found = trace::trace_for(node)) {
        if (!found->is_open())
          throw Error(found->finished());
        return found;
      }
  return nullptr;
}

} // namespace

bool TracedModel::records(std::span<const Tensor> tensors) {
  return trace_recording(tensors) != nullptr;
}

TracedModel::TracedModel(const ProgramSource& source) : source_(source), id_(next_id()) {}

Parameters TracedModel::parameters() const {
  Parameters parameters;
  for (const std::string& name : source_.parameters()) {
    const StoredWeight& weight = source_.weights.at(name);
    parameters.emplace(name, Tensor::from_storage(weight.read(), weight.dtype(), weight.shape()).clone());
  }
  return parameters;
}

void TracedModel::check(const Parameters& parameters) const {
  for (const auto& [name, tensor] : parameters) {
    const auto found = source_.weights.find(name);
    if (found == source_.weights.end())
      throw Error("the model has no weight '" + name + "'");
    const StoredWeight& weight = found->second;
    const std::string wanted = describe(weight.dtype(), weight.shape());
    if (!is_floating(weight.dtype()))
      throw Error("weight '" + name + "', " + wanted + ", is not of floating-point numbers");
    if (tensor.dtype() != weight.dtype() || !(tensor.shape() == weight.shape()))
      throw Error("weight '" + name + "' must be " + wanted + ", got " +
                  describe(tensor.dtype(), tensor.shape()));
  }
}

std::vector<Tensor> TracedModel::call(const Parameters& parameters, const std::vector<Tensor>& inputs,
                                      const CompileOptions& options) {
  std::vector<std::string> names;
  std::vector<Tensor> tensors;
  for (const auto& [name, tensor] : parameters) {
    names.push_back(name);
    tensors.push_back(tensor);
  }
  tensors.insert(tensors.end(), inputs.begin(), inputs.end());
  return trace_recording(tensors) ? record(names, tensors) : compiled(names, options).call(tensors);
}

std::shared_ptr<Storage> TracedModel::elements_of(const std::string& name, const StoredWeight& weight,
                                                  bool keep) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Storage> elements = elements_[name].lock();
  if (!elements)
    elements_[name] = elements = weight.read();
  if (keep)
    kept_[name] = elements;
  return elements;
}

std::vector<Tensor> TracedModel::record(const std::vector<std::string>& names,
                                        std::span<const Tensor> tensors) {
  // Without operands, nothing but the calling thread says where to.
  const auto trace = tensors.empty() ? trace::TraceScope::innermost() : trace_recording(tensors);
  if (!trace)
    throw Error("no function is being traced", ErrorKind::internal);
  trace->check_thread();
  trace->tidy();
  NamedValues given;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    given[i < names.size() ? names[i] : source_.inputs[i - names.size()].name] = trace->value(tensors[i]);
  const auto constant = [&](const std::string& name, const StoredWeight& weight,
                            mlir::RankedTensorType type) {
    const auto elements = elements_of(name, weight, trace->values() == trace::Values::on_demand);
    trace->keep(elements);
    return ir::makeKeyedElements(type, elements, id_ + "." + name);
  };
  std::vector<Tensor> outputs;
  for (const mlir::Value value : source_.append(trace->builder(), std::move(given), constant))
    outputs.push_back(trace->tensor(value));
  return outputs;
}

// Kept is the function for the names asked for last: fine-tuning asks for the same ones again and again.
CompiledFunction TracedModel::compiled(const std::vector<std::string>& names, const CompileOptions& options) {
  const std::lock_guard lock(mutex_);
  if (!function_ || function_->first != names)
    function_.emplace(
        names,
        CompiledFunction([this, names](std::span<const Tensor> tensors) { return record(names, tensors); },
                         options, SourceLocation::current()));
  return function_->second;
}

} // namespace sinter::model
