// Running programs made of recordings.
#include "autodiff/run_program.h"

#include "trace/placement.h"

namespace sinter::autodiff {

using trace::node_of;

std::vector<Tensor> run_program(const rt::Executable& program, std::span<const Tensor> inputs) {
  return trace::run_program(program, inputs, rt::default_thread_pool());
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
