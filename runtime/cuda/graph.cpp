// A chain of nodes, made once. Only where tensors lie changes from one launch to the next.
#include "cuda/graph.h"

#include "sinter/runtime/error.h"
#include "sinter/runtime/log.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace sinter::rt::cuda {
namespace {

constexpr int kThreadLocal = 1; // CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads may go on allocating

class LaunchGraph final : public DeviceGraph {
public:
  LaunchGraph(const Driver& driver, const DeviceMemory& memory, Stream stream, Stream recording)
      : driver_(driver), memory_(memory), stream_(stream), recording_(recording) {}
  LaunchGraph(const LaunchGraph&) = delete;
  LaunchGraph& operator=(const LaunchGraph&) = delete;
  ~LaunchGraph() override { drop(); }

  // False, and said so, if the driver or a library does not take it: what is wrong with the device otherwise,
  // the launches themselves will say.
  bool make(std::span<const DeviceLaunch> launches) {
    try {
      driver_.check(driver_.create_graph(&graph_, 0), kWhat);
      for (const DeviceLaunch& launch : launches)
        add(launch);
      driver_.check(memory_.with_room([&] { return driver_.instantiate(&exec_, graph_, 0); }), kWhat);
      return true;
    } catch (const Error& error) {
      log(std::string("a program runs kernel by kernel, not as a CUDA graph: ") + error.what());
      drop();
      return false;
    }
  }

  bool launch() override {
    const auto has_moved = [](const Node& node) {
      return !std::equal(node.buffers.begin(), node.buffers.end(), node.launch.buffers);
    };
    if (!exec_)
      return false;
    for (const Node& node : nodes_)
      if (has_moved(node) && !can_be_recorded(node.launch))
        return false;
    try {
      for (Node& node : nodes_)
        if (has_moved(node))
          update(node);
    } catch (const Error&) { // a library does it in other kernels than before
      if (!make_again())
        return false;
    }
    driver_.check(memory_.with_room([&] { return driver_.launch_graph(exec_, stream_); }),
                  "a CUDA graph cannot be launched");
    return true;
  }

private:
  static constexpr const char* kWhat = "a CUDA graph";

  struct Node {
    DeviceLaunch launch;
    std::vector<void*> buffers; // that the graph knows
    GraphNode node = nullptr;
  };

  // What a library does, as a graph of its own.
  class Recorded {
  public:
    Recorded(const LaunchGraph& graph, const DeviceLaunch& launch) : driver_(graph.driver_) {
      driver_.check(driver_.begin_capture(graph.recording_, kThreadLocal), kWhat);
      try {
        launch.kernel->call->enqueue(graph.recording_, launch.buffers);
      } catch (...) {
        driver_.end_capture(graph.recording_, &child_); // or the stream could not be used any more
        release();
        throw;
      }
      driver_.check(driver_.end_capture(graph.recording_, &child_), "what a library does cannot be recorded");
    }
    Recorded(const Recorded&) = delete;
    Recorded& operator=(const Recorded&) = delete;
    ~Recorded() { release(); }
    Graph get() const { return child_; }

  private:
    void release() {
      if (child_)
        driver_.destroy_graph(child_);
    }
    const Driver& driver_;
    Graph child_ = nullptr;
  };

  static KernelNode kernel_node(const DeviceKernel& kernel, KernelArguments& arguments) {
    KernelNode node;
    node.function = static_cast<Function>(kernel.function);
    node.blocks[0] = static_cast<unsigned>(kernel.blocks);
    node.threads[0] = static_cast<unsigned>(kernel.threads[0]);
    node.threads[1] = static_cast<unsigned>(kernel.threads[1]);
    node.shared_bytes = kernel.shared_bytes;
    node.arguments = arguments.get();
    return node;
  }

  bool make_again() {
    std::vector<DeviceLaunch> launches;
    for (const Node& node : nodes_)
      launches.push_back(node.launch);
    drop();
    return make(launches);
  }

  void drop() {
    if (exec_)
      driver_.destroy_exec(std::exchange(exec_, nullptr));
    if (graph_)
      driver_.destroy_graph(std::exchange(graph_, nullptr));
    nodes_.clear();
  }

  void add(const DeviceLaunch& launch) {
    Node& added =
        nodes_.emplace_back(Node{launch, {launch.buffers, launch.buffers + launch.kernel->parameters}});
    const GraphNode* before = nodes_.size() > 1 ? &nodes_[nodes_.size() - 2].node : nullptr;
    const std::size_t dependencies = before ? 1 : 0;
    if (launch.kernel->call) {
      const Recorded child(*this, launch);
      driver_.check(driver_.add_child_graph(&added.node, graph_, before, dependencies, child.get()), kWhat);
      return;
    }
    KernelArguments arguments(*launch.kernel, launch.buffers);
    const KernelNode node = kernel_node(*launch.kernel, arguments);
    driver_.check(driver_.add_kernel_node(&added.node, graph_, before, dependencies, &node), kWhat);
  }

  void update(Node& node) {
    if (node.launch.kernel->call) {
      const Recorded child(*this, node.launch);
      driver_.check(driver_.set_child_graph(exec_, node.node, child.get()), kWhat);
    } else {
      KernelArguments arguments(*node.launch.kernel, node.launch.buffers);
      const KernelNode changed = kernel_node(*node.launch.kernel, arguments);
      driver_.check(driver_.set_kernel_node(exec_, node.node, &changed), kWhat);
    }
    std::copy_n(node.launch.buffers, node.buffers.size(), node.buffers.begin());
  }

  const Driver& driver_;
  const DeviceMemory& memory_;
  const Stream stream_, recording_;
  std::vector<Node> nodes_;
  Graph graph_ = nullptr;
  GraphExec exec_ = nullptr;
};

} // namespace

KernelArguments::KernelArguments(const DeviceKernel& kernel, void* const* buffers) {
  for (uint32_t i = 0; i < kernel.parameters; ++i)
    addresses_[i] = const_cast<void**>(buffers + i);
}

bool can_be_recorded(const DeviceLaunch& launch) {
  return !launch.kernel->call || launch.kernel->call->can_be_recorded(launch.buffers);
}

std::unique_ptr<DeviceGraph> record(const Driver& driver, const DeviceMemory& memory, Stream stream,
                                    Stream recording, std::span<const DeviceLaunch> launches) {
  auto graph = std::make_unique<LaunchGraph>(driver, memory, stream, recording);
  return graph->make(launches) ? std::move(graph) : nullptr;
}

} // namespace sinter::rt::cuda
