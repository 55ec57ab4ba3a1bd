// Streams and graphs of the stand-in for libcuda.so.1.
#include "stand_in_driver.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

using namespace stand_in;

struct GraphNodeTag {
  Work work;
};
struct GraphTag {
  std::vector<std::unique_ptr<GraphNodeTag>> nodes; // a chain
};
struct GraphExecTag {
  std::vector<std::pair<const GraphNodeTag*, Work>> steps;
};
struct StreamTag {
  std::deque<Work> waiting;
  GraphTag* recording = nullptr;
};

// CUDA_KERNEL_NODE_PARAMS_v2.
struct KernelNode {
  FunctionTag* function;
  unsigned blocks[3];
  unsigned threads[3];
  unsigned shared_bytes;
  void** arguments;
  void** extra;
  void* kernel;
  void* context;
};

namespace {

std::mutex mutex; // of all streams and graphs

StreamTag* of(void* stream) {
  return static_cast<StreamTag*>(stream);
}

// What a launch does, with its arguments as they are now; nothing if it is none.
Work launch_of(const KernelNode& node) {
  const unsigned x = node.threads[0], y = node.threads[1];
  if (!node.function || node.blocks[0] == 0 || x == 0 || y == 0 || x * y > 1024 ||
      node.shared_bytes > node.function->shared)
    return nullptr;
  std::vector<void*> buffers;
  for (int i = 0; i < node.function->parameters; ++i) {
    uint64_t address = 0;
    std::memcpy(&address, node.arguments[i], sizeof(address));
    buffers.push_back(address == 0 ? nullptr : host(address)); // null: a tensor without elements
  }
  return [=, run = node.function->run, blocks = node.blocks[0], shared = node.shared_bytes] {
    run(buffers.data(), blocks, x, y, shared);
  };
}

Work all_of(const GraphTag& graph) {
  std::vector<Work> works;
  for (const auto& node : graph.nodes)
    works.push_back(node->work);
  return [works] {
    for (const Work& work : works)
      work();
  };
}

int add(GraphNodeTag** node, GraphTag* graph, GraphNodeTag* const* before, std::size_t count, Work work) {
  const bool follows =
      graph->nodes.empty() ? count == 0 : count == 1 && before[0] == graph->nodes.back().get();
  if (!work || !follows)
    return kInvalidValue;
  graph->nodes.push_back(std::make_unique<GraphNodeTag>(GraphNodeTag{std::move(work)}));
  *node = graph->nodes.back().get();
  return 0;
}

int set(GraphExecTag* exec, const GraphNodeTag* node, Work work) {
  for (auto& [known, step] : exec->steps)
    if (known == node && work) {
      step = std::move(work);
      return 0;
    }
  return kInvalidValue;
}

} // namespace

void stand_in::give(void* stream, Work work) {
  const std::lock_guard lock(mutex);
  if (GraphTag* graph = of(stream)->recording)
    graph->nodes.push_back(std::make_unique<GraphNodeTag>(GraphNodeTag{std::move(work)}));
  else
    of(stream)->waiting.push_back(std::move(work));
}

EXPORT int cuStreamCreate(void** stream, unsigned) {
  is_entered();
  *stream = new StreamTag;
  return 0;
}
EXPORT int cuStreamSynchronize(void* stream) {
  is_entered();
  while (true) {
    Work work;
    {
      const std::lock_guard lock(mutex);
      if (of(stream)->recording)
        return kInvalidValue;
      if (of(stream)->waiting.empty())
        return 0;
      work = std::move(of(stream)->waiting.front());
      of(stream)->waiting.pop_front();
    }
    work();
  }
}
EXPORT int cuLaunchHostFunc(void* stream, void (*function)(void*), void* with) {
  is_entered();
  give(stream, [=] { function(with); });
  return 0;
}

// The host's bytes are read as late as those of pinned memory may be.
EXPORT int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, std::size_t bytes, void* stream) {
  is_entered();
  if (!is_allocated(to, bytes))
    return kInvalidValue;
  give(stream, [=, to = host(to)] { std::memcpy(to, from, bytes); });
  return 0;
}
EXPORT int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, std::size_t bytes, void* stream) {
  is_entered();
  if (!is_allocated(from, bytes))
    return kInvalidValue;
  give(stream, [=, from = host(from)] { std::memcpy(to, from, bytes); });
  return 0;
}
EXPORT int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, std::size_t bytes, void* stream) {
  is_entered();
  if (!is_allocated(to, bytes) || !is_allocated(from, bytes))
    return kInvalidValue;
  give(stream, [=, to = host(to), from = host(from)] { std::memcpy(to, from, bytes); });
  return 0;
}
EXPORT int cuMemsetD8Async(uint64_t to, unsigned char value, std::size_t count, void* stream) {
  is_entered();
  if (!is_allocated(to, count))
    return kInvalidValue;
  give(stream, [=, to = host(to)] { std::memset(to, value, count); });
  return 0;
}
EXPORT int cuLaunchKernel(FunctionTag* function, unsigned blocks, unsigned, unsigned, unsigned x, unsigned y,
                          unsigned z, unsigned shared_bytes, void* stream, void** arguments, void**) {
  is_entered();
  Work work =
      launch_of({function, {blocks, 1, 1}, {x, y, z}, shared_bytes, arguments, nullptr, nullptr, nullptr});
  if (!work)
    return kInvalidValue;
  give(stream, std::move(work));
  return 0;
}

EXPORT int cuStreamBeginCapture_v2(void* stream, int) {
  is_entered();
  const std::lock_guard lock(mutex);
  if (of(stream)->recording)
    return kInvalidValue;
  of(stream)->recording = new GraphTag;
  return 0;
}
EXPORT int cuStreamEndCapture(void* stream, GraphTag** graph) {
  is_entered();
  const std::lock_guard lock(mutex);
  *graph = std::exchange(of(stream)->recording, nullptr);
  return *graph ? 0 : kInvalidValue;
}
EXPORT int cuGraphCreate(GraphTag** graph, unsigned) {
  *graph = new GraphTag;
  return 0;
}
EXPORT int cuGraphDestroy(GraphTag* graph) {
  delete graph;
  return 0;
}
EXPORT int cuGraphAddKernelNode_v2(GraphNodeTag** node, GraphTag* graph, GraphNodeTag* const* before,
                                   std::size_t count, const KernelNode* launch) {
  is_entered();
  return add(node, graph, before, count, launch_of(*launch));
}
EXPORT int cuGraphAddChildGraphNode(GraphNodeTag** node, GraphTag* graph, GraphNodeTag* const* before,
                                    std::size_t count, const GraphTag* child) {
  is_entered();
  return add(node, graph, before, count, all_of(*child));
}
EXPORT int cuGraphInstantiateWithFlags(GraphExecTag** exec, const GraphTag* graph, unsigned long long) {
  is_entered();
  *exec = new GraphExecTag;
  for (const auto& node : graph->nodes)
    (*exec)->steps.emplace_back(node.get(), node->work);
  return 0;
}
EXPORT int cuGraphExecKernelNodeSetParams_v2(GraphExecTag* exec, const GraphNodeTag* node,
                                             const KernelNode* launch) {
  is_entered();
  return set(exec, node, launch_of(*launch));
}
EXPORT int cuGraphExecChildGraphNodeSetParams(GraphExecTag* exec, const GraphNodeTag* node,
                                              const GraphTag* child) {
  is_entered();
  return set(exec, node, all_of(*child));
}
EXPORT int cuGraphLaunch(const GraphExecTag* exec, void* stream) {
  is_entered();
  for (const auto& [node, work] : exec->steps)
    give(stream, work);
  return 0;
}
EXPORT int cuGraphExecDestroy(GraphExecTag* exec) {
  is_entered();
  delete exec;
  return 0;
}
