// A compiled program as plain data: what kernels there are, and the steps that launch them. The same tables
// are made in memory by rt::Executable and lie in the libraries of ahead-of-time models, byte by byte: no
// structure has padding.
#pragma once

#include <cstdint>

namespace sinter::rt {

/// A native kernel. `buffers` are the addresses of its operands and results in the order of its signature;
/// tasks [begin, end) are independent of each other; `scratch` is this worker's own memory, 64-byte aligned
/// (null if the kernel asked for none).
using KernelFn = void (*)(void* const* buffers, int64_t begin, int64_t end, void* scratch);

/// Where a buffer lives.
struct BufferRef {
  enum class Space : uint32_t { arena, input, output, constant };
  Space space = Space::arena;
  uint32_t index = 0;       ///< which input, output or constant
  uint64_t byte_offset = 0; ///< into the arena, input, output or constant
};

/// A kernel and how its tasks are shared out.
struct ProgramKernel {
  KernelFn function = nullptr;
  int64_t tasks = 1;
  int64_t grain = 1; ///< tasks below which splitting does not pay
  uint64_t scratch_bytes = 0;
  const void* device_kernel = nullptr; ///< a DeviceKernel instead of `function`, in programs of a device
};

struct ProgramControl;

/// A launch, or a branch or loop. Its buffers are those of the program from `first_buffer` on.
struct ProgramStep {
  const ProgramControl* control = nullptr; ///< instead of a kernel, if not null
  uint32_t kernel = 0;
  uint32_t first_buffer = 0;
};

/// Counts and sizes are checked by whoever makes the tables.
struct Program {
  const ProgramKernel* kernels = nullptr;
  const ProgramStep* steps = nullptr;
  const BufferRef* buffers = nullptr;
  const uint64_t* input_bytes = nullptr;
  const uint64_t* output_bytes = nullptr;
  /// Addresses of the constants. Null: those that whoever runs the program brings (see Frame).
  void* const* constants = nullptr;
  uint64_t arena_bytes = 0;
  uint32_t kernel_count = 0;
  uint32_t step_count = 0;
  uint32_t buffer_count = 0;
  uint32_t input_count = 0;
  uint32_t output_count = 0;
  uint32_t unused = 0;
};

enum class ControlKind : uint32_t {
  cond, ///< bodies: where the predicate holds, where not; buffers: predicate, inputs, results
  loop, ///< bodies: condition, body; buffers: carries, invariants, results
  scan, ///< bodies: body; buffers: carries, sequences, invariants, results
};

/// A branch or a loop: programs that run on buffers of the one they are in.
struct ProgramControl {
  ControlKind kind = ControlKind::cond;
  uint32_t reverse = 0;    ///< not 0: a scan goes from the last slice to the first
  uint32_t carries = 0;    ///< the first inputs and outputs of the body of a loop or scan
  uint32_t sequences = 0;  ///< the next inputs of a scan: the body gets one slice of each
  uint32_t body_count = 0; ///< one of a scan, else two
  uint32_t unused = 0;
  int64_t rounds = 0; ///< of a scan; of a loop the most, -1 for any number
  const Program* bodies[2] = {};
};

} // namespace sinter::rt
