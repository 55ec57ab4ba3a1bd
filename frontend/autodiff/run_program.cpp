// Running programs made of recordings.
#include "autodiff/run_program.h"

#include "sinter/runtime/thread_pool.h"

namespace sinter::autodiff {

using trace::node_of;

std::vector<Tensor> run_program(const rt::Executable& program, std::span<const Tensor> inputs) {
  std::vector<Tensor> outputs;
  llvm::SmallVector<Tensor, 8> dense; // keeps copies of those that were not
  llvm::SmallVector<View, 8> input_views, output_views;
  for (const Tensor& input : inputs) {
    dense.push_back(trace::dense(trace::concrete(input)));
    input_views.push_back(node_of(dense.back()).view());
  }
  for (const rt::TensorSpec& spec : program.outputs()) {
    outputs.push_back(trace::make_empty(spec.dtype, spec.shape));
    output_views.push_back(node_of(outputs.back()).view());
  }
  program.run(input_views, output_views, rt::default_thread_pool());
  return outputs;
}

LiveTensors::LiveTensors(trace::Trace& trace) {
  llvm::DenseMap<mlir::Value, unsigned> places;
  for (const std::shared_ptr<trace::Node>& node : trace.live()) {
    if (node->body_open) // of a body: it has none outside
      continue;
    if (const Tensor* known = trace.known(node->value)) {
      node->become(node_of(*known));
      continue;
    }
    const auto [place, isNew] = places.try_emplace(node->value, results());
    if (isNew)
      values_.push_back(node->value);
    live_.push_back({node, place->second});
  }
}

void LiveTensors::become(std::span<const Tensor> computed) const {
  for (const Live& live : live_)
    live.node->become(node_of(computed[live.result]));
}

} // namespace sinter::autodiff
