// A fused convolution in cuDNN's terms, and the plans it has for one.
#pragma once

#include "cuda/cudnn.h"
#include "sinter/runtime/cuda/convolution.h"

#include <map>
#include <vector>

namespace sinter::rt::cuda::cudnn {

/// The operations of a problem, and which tensors a run of them is given.
struct OperationGraph {
  std::map<int64_t, uint32_t> buffers; ///< by the tensor's id: the number of the buffer
  std::map<int64_t, float> scalars;    ///< by the tensor's id: a number that is given with every run
  Descriptor graph;
  std::vector<Descriptor> parts; ///< what the graph refers to
};

/// Throws Error (system) for what cuDNN does not take.
OperationGraph make_graph(const Cudnn& api, const FusedConvolution& problem);

/// A finished way to run a graph.
struct Plan {
  Descriptor config, plan;
  uint64_t workspace_bytes = 0;
};

/// Up to `count` plans for `graph`, made from `problem`, on a device of these properties, the one first that
/// cuDNN takes for the fastest. None of them gives different bits in different runs, or loses more of them
/// than the problem allows.
std::vector<Plan> make_plans(const Cudnn& api, const OperationGraph& graph, const Descriptor& properties,
                             const FusedConvolution& problem, std::size_t count);

} // namespace sinter::rt::cuda::cudnn
