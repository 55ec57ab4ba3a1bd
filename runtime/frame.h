// What one run of a program works on: the addresses of all buffers of all its steps.
#pragma once

#include "sinter/runtime/executable.h"

#include <cstddef>

namespace sinter::rt {

/// What the steps of a run share.
struct RunContext {
  ThreadPool& pool;
  std::byte* scratch = nullptr; ///< of worker 0; the next worker's lies `scratch_stride` bytes on
  uint64_t scratch_stride = 0;
};

class ControlFrame;

/// A program's addresses, its bodies' included. Allocates when it is made, and no more.
class Frame {
public:
  /// `memory` has program.frame_bytes(), 64-byte aligned; frames that do not run at the same time may share
  /// it.
  Frame(const Executable& program, std::byte* memory);
  ~Frame();
  Frame(Frame&&) noexcept;

  /// Where the caller's tensors lie from now on.
  void point_at(std::span<void* const> inputs, std::span<void* const> outputs);
  void run_step(std::size_t step, const RunContext& context);
  void run(const RunContext& context);

  const Executable& program() const { return *program_; }

private:
  // An address that follows the caller's tensors.
  struct Patch {
    std::size_t position;
    BufferRef buffer;
  };

  void add(const BufferRef& buffer, std::byte* memory);

  const Executable* program_;
  std::vector<void*> pointers_;            // of step 0, step 1, ...
  std::vector<std::size_t> first_pointer_; // of each step
  std::vector<Patch> patches_;
  std::vector<std::unique_ptr<ControlFrame>> controls_; // of each step, null for kernels
};

/// What the bodies of a step need besides its buffers: their frames, and a second place for every carry.
uint64_t control_bytes(const Control& control);

} // namespace sinter::rt
