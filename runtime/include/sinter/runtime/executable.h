// A compiled program: kernels, constants and one arena, run as a straight line. A step may be a branch or a
// loop, whose bodies are programs again.
#pragma once

#include "sinter/runtime/device.h"
#include "sinter/runtime/program.h"
#include "sinter/runtime/storage.h"
#include "sinter/runtime/view.h"

#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace sinter::rt {

class ThreadPool;
class Profiler;
struct RunContext;

/// Shape and type of a program's input or output.
struct TensorSpec {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
};

/// Machine code that is not in memory yet: a relocatable object that defines `symbol`, a KernelFn.
struct KernelObject {
  std::string symbol;
  std::string bytes;
};

/// One kernel as compiled, shared by all steps that launch it.
struct Kernel {
  std::string name;      ///< unique within the executable, readable in profiles
  std::string algorithm; ///< how it computes: "direct conv 6x16", "loops", ...
  KernelFn function = nullptr;
  std::shared_ptr<void> code; ///< keeps the machine code alive
  /// Of a kernel that was compiled for a library, instead of `function` and `code`: a program with such
  /// kernels can be looked at, but not run.
  std::shared_ptr<const KernelObject> object;
  std::shared_ptr<const DeviceKernel> device; ///< of a program for a device, instead of `function` and `code`
  int64_t tasks = 1;                          ///< the size of its task range
  int64_t grain = 1;                          ///< tasks below which splitting does not pay
  uint64_t scratch_bytes = 0;                 ///< per worker
};

class Executable;

/// A branch or a loop: programs that run on buffers of the one they are in.
struct Control {
  using Kind = ControlKind;
  Kind kind = Kind::cond;
  std::vector<std::shared_ptr<const Executable>> bodies;
  uint32_t carries = 0;   ///< the first inputs and outputs of the body of a loop or scan
  uint32_t sequences = 0; ///< the next inputs of a scan: the body gets one slice of each
  int64_t rounds = 0;     ///< of a scan; of a loop the most, -1 for any number
  bool reverse = false;   ///< a scan goes from the last slice to the first
};

/// One launch, or one branch or loop.
struct Step {
  uint32_t kernel = 0;
  std::shared_ptr<const Control> control; ///< instead of a kernel, if not null
  std::vector<BufferRef> buffers;
  std::string label; ///< for people: "conv+add+relu @ res2a", operations and where they come from
  double flops = 0;  ///< arithmetic of the source operations
  double bytes = 0;  ///< least memory traffic: operands read once, results written once
};

/// The arena of a program and how good its plan is. All in bytes.
struct MemoryPlan {
  uint64_t arena_bytes = 0;
  uint64_t lower_bound = 0;   ///< the largest sum of buffers alive at the same time
  uint64_t without_reuse = 0; ///< the sum of all buffers
};

/// A compiled program. Immutable but for its arenas; `run` may be called from several threads.
class Executable {
public:
  struct Parts {
    std::vector<TensorSpec> inputs;
    std::vector<TensorSpec> outputs;
    std::vector<std::shared_ptr<Storage>> constants;
    std::vector<Kernel> kernels;
    std::vector<Step> steps;
    MemoryPlan memory;
    double compile_ms = 0;
    int64_t kernels_compiled = 0;
    int64_t kernels_loaded = 0;
    uint64_t mapped_constant_bytes = 0;
    std::shared_ptr<Device> device;  ///< where kernels run and constants lie; null: the host
    std::shared_ptr<void> companion; ///< something that lives as long as the program
  };

  explicit Executable(Parts parts);
  ~Executable();

  const std::vector<TensorSpec>& inputs() const { return parts_.inputs; }
  const std::vector<TensorSpec>& outputs() const { return parts_.outputs; }
  const std::vector<Kernel>& kernels() const { return parts_.kernels; }
  const std::vector<Step>& steps() const { return parts_.steps; }
  const std::vector<std::shared_ptr<Storage>>& constants() const { return parts_.constants; }
  const MemoryPlan& memory() const { return parts_.memory; }
  /// What a run needs: the arena, and of all branches and loops the one that needs most.
  uint64_t frame_bytes() const { return frame_bytes_; }
  /// The same as plain data: kernels, steps and buffers, in the same order.
  const Program& program() const;
  /// What each thread that runs it needs besides the arena.
  uint64_t scratch_bytes() const { return scratch_bytes_; }
  double compile_ms() const { return parts_.compile_ms; }
  /// How many of the kernels were compiled for this program, and how many were read from the cache on disk.
  /// The process had the others.
  int64_t kernels_compiled() const { return parts_.kernels_compiled; }
  int64_t kernels_loaded() const { return parts_.kernels_loaded; }
  /// How much of the constants an earlier process has made, and is mapped from the cache on disk.
  uint64_t mapped_constant_bytes() const { return parts_.mapped_constant_bytes; }

  /// Where it runs; null: on the host's processors.
  const std::shared_ptr<Device>& device() const { return parts_.device; }

  /// Runs the program. `inputs` and `outputs`, in the host's memory, must be dense and match the specs (Error
  /// otherwise). After the first run on a pool, allocates nothing. On a device, runs wait for each other.
  void run(std::span<const View> inputs, std::span<const View> outputs, ThreadPool& pool,
           Profiler* profiler = nullptr) const;
  /// ... on inputs and outputs in the memory of device(), which there is. Returns when the device has been
  /// given the work, all of it at once from the second time on (a CUDA graph), but for programs with branches
  /// and loops, whose conditions are waited for.
  void enqueue(std::span<const View> inputs, std::span<const View> outputs) const;

private:
  struct Tables;
  struct Workspace;
  void run_steps(Workspace& workspace, const RunContext& context, Profiler* profiler) const;
  void check_tensors(std::span<const View> inputs, std::span<const View> outputs) const;
  void run_on_device(std::span<const View> inputs, std::span<const View> outputs, Profiler* profiler) const;
  void launch(Workspace& workspace) const;
  std::unique_ptr<Workspace> take_workspace(int workers) const;
  void return_workspace(std::unique_ptr<Workspace> workspace) const;

  Parts parts_;
  std::unique_ptr<const Tables> tables_;
  uint64_t scratch_bytes_ = 0;
  uint64_t frame_bytes_ = 0;
  uint64_t table_bytes_ = 0;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Workspace>> idle_; // one per concurrent run so far
};

/// Collects the time of every step over several runs.
class Profiler {
public:
  struct Sample {
    double min_ms = 0;
    double total_ms = 0;
    int64_t runs = 0;
  };

  /// One entry per step of the executable that is profiled.
  explicit Profiler(std::size_t steps) : samples_(steps) {}
  void record(std::size_t step, double ms);
  const std::vector<Sample>& samples() const { return samples_; }

private:
  std::vector<Sample> samples_;
};

} // namespace sinter::rt
