// Streams and graphs of the stand-in for libcuda.so.1.
#include "driver.h"

#include <atomic>
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
  Gpu* gpu = nullptr; // whose memory it has
};
struct StreamTag {
  std::deque<Work> waiting;
  GraphTag* recording = nullptr;
  std::mutex turn; // of the thread that does what waits: one thing after the other
};
struct EventTag {
  StreamTag* stream = nullptr;
  uint64_t recorded = 0; // how often
  uint64_t passed = 0;   // the last of these that the stream has come to
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

constexpr std::size_t kGraphBytes = 64 << 10;

std::mutex mutex; // of all streams, events and graphs
std::atomic<uint64_t> done = 0;

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

// Does what waits, in order, until that is all or `is_enough`, which is asked with the mutex.
template <class Condition>
int run(StreamTag& stream, Condition is_enough) {
  const std::lock_guard turn(stream.turn);
  while (true) {
    Work work;
    {
      const std::lock_guard lock(mutex);
      if (stream.recording)
        return kInvalidValue;
      if (stream.waiting.empty() || is_enough())
        return 0;
      work = std::move(stream.waiting.front());
      stream.waiting.pop_front();
    }
    work();
    ++done;
  }
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
  return run(*of(stream), [] { return false; });
}

EXPORT int cuEventCreate(EventTag** event, unsigned flags) {
  is_entered();
  if (flags != 2) // no times
    return kInvalidValue;
  *event = new EventTag;
  return 0;
}
EXPORT int cuEventRecord(EventTag* event, void* stream) {
  is_entered();
  const std::lock_guard lock(mutex);
  if (of(stream)->recording)
    return kInvalidValue;
  event->stream = of(stream);
  of(stream)->waiting.push_back([event, number = ++event->recorded] {
    const std::lock_guard passing(mutex);
    event->passed = number;
  });
  return 0;
}
// For what it was recorded behind last; no more of the stream is done.
EXPORT int cuEventSynchronize(EventTag* event) {
  is_entered();
  std::unique_lock lock(mutex);
  StreamTag* const stream = event->stream;
  const uint64_t number = event->recorded;
  lock.unlock();
  return stream ? run(*stream, [&] { return event->passed >= number; }) : 0;
}

// For tests: how much of all that was given has been done.
EXPORT uint64_t stand_in_done() {
  return done;
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
  Gpu* const gpu = take(kGraphBytes);
  if (!gpu)
    return kOutOfMemory;
  *exec = new GraphExecTag{{}, gpu};
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
  take_back(exec->gpu, kGraphBytes);
  delete exec;
  return 0;
}
