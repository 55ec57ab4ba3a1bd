// What one run of a program works on: the addresses of all buffers of all its steps. Needs libc alone, as
// workers.h.
#pragma once

#include "sinter/runtime/program.h"

#include <cstddef>

namespace sinter::rt {

class Workers;

/// A device that runs a program's kernels on memory of its own (Device in sinter/runtime/device.h).
struct DeviceCalls {
  void* device;
  void (*launch)(void* device, const void* kernel, void* const* buffers);
  bool (*read_flag)(void* device, const void* flag); ///< waits for it
  void (*copy)(void* device, void* to, const void* from, uint64_t bytes);
};

/// What the steps of a run share.
struct RunContext {
  Workers* workers = nullptr;   ///< null: the calling thread alone
  std::byte* scratch = nullptr; ///< of worker 0; the next worker's lies `scratch_stride` bytes on
  uint64_t scratch_stride = 0;
  const DeviceCalls* device = nullptr; ///< null: the host, where all addresses are its own
};

/// What a program's frames need, its bodies' included, in bytes; multiples of 64.
struct FrameSize {
  uint64_t memory = 0;  ///< the arena, and of all branches and loops the one that needs most
  uint64_t tables = 0;  ///< addresses
  uint64_t scratch = 0; ///< of each worker
};
FrameSize frame_size(const Program& program);

struct ControlFrame;

/// A program's addresses, its bodies' included. Lies in the tables it is given: nothing needs to be freed.
class Frame {
public:
  /// `tables` and `memory` have the bytes that frame_size() says and are 64-byte aligned; frames that do not
  /// run at the same time may share memory, but not tables. `constants` are those of programs that have none
  /// of their own.
  static Frame* make(const Program& program, std::byte* tables, std::byte* memory, void* const* constants);

  /// Where the caller's tensors lie from now on.
  void point_at(void* const* inputs, void* const* outputs);
  void run_step(uint32_t step, const RunContext& context);
  void run(const RunContext& context);

  const Program& program() const { return *program_; }

private:
  friend class FrameMaker;
  Frame() = default;

  const Program* program_ = nullptr;
  void** pointers_ = nullptr;   // of all buffers of all steps
  uint32_t* patches_ = nullptr; // those of them that follow the caller's tensors
  uint32_t patch_count_ = 0;
  ControlFrame** controls_ = nullptr; // of each step, null for kernels
};

} // namespace sinter::rt
