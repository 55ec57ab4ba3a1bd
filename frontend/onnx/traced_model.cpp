// A model as part of a function that is traced.
#include "frontend/onnx/traced_model.h"

#include "frontend/onnx/import.h"
#include "frontend/onnx/operators.h"
#include "ir/constant.h"

#include "onnx.pb.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace sinter::onnx_import {
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

TracedModel::TracedModel(const ModelGraph& graph) : graph_(graph), id_(next_id()) {}

Parameters TracedModel::parameters() const {
  const auto& initializers = graph_.file.proto->graph().initializer();
  Parameters parameters;
  for (const GraphNode& node : graph_.nodes)
    for (int i = 0; i < node.proto->input_size(); ++i) {
      const std::string& name = node.proto->input(i);
      const auto found = graph_.weights.find(name);
      if (found == graph_.weights.end() || parameters.contains(name) || is_setting(node.proto->op_type(), i))
        continue;
      const StoredWeight& weight = found->second;
      const auto has_name = [&](const auto& initializer) { return initializer.name() == name; };
      if (!is_floating(weight.dtype()) || weight.shape().rank() == 0 ||
          std::none_of(initializers.begin(), initializers.end(), has_name))
        continue;
      const Tensor copy = Tensor::from_storage(weight.read(), weight.dtype(), weight.shape()).clone();
      parameters.emplace(name, copy);
    }
  return parameters;
}

void TracedModel::check(const Parameters& parameters) const {
  for (const auto& [name, tensor] : parameters) {
    const auto found = graph_.weights.find(name);
    if (found == graph_.weights.end())
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

std::shared_ptr<Storage> TracedModel::elements_of(const std::string& name, const StoredWeight& weight) {
  const std::lock_guard lock(mutex_);
  auto& elements = elements_[name];
  if (!elements)
    elements = weight.read();
  return elements;
}

std::vector<Tensor> TracedModel::record(const std::vector<std::string>& names,
                                        std::span<const Tensor> tensors) {
  const auto trace = trace_recording(tensors);
  trace->check_thread();
  trace->tidy();
  NamedValues given;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    given[i < names.size() ? names[i] : graph_.inputs[i - names.size()].name] = trace->value(tensors[i]);
  const auto constant = [&](const std::string& name, const StoredWeight& weight,
                            mlir::RankedTensorType type) {
    const auto elements = elements_of(name, weight);
    trace->keep(elements);
    return ir::makeKeyedElements(type, elements, id_ + "." + name);
  };
  std::vector<Tensor> outputs;
  for (const mlir::Value value : import_nodes(trace->builder(), graph_, std::move(given), constant))
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

} // namespace sinter::onnx_import
