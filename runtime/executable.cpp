// Runs compiled programs: checks what it is given, fills in addresses, launches kernels in order.
#include "sinter/runtime/executable.h"

#include "sinter/runtime/error.h"
#include "sinter/runtime/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace sinter::rt {
namespace {

constexpr uint64_t kLine = 64;

uint64_t round_up(uint64_t bytes, uint64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

void check_view(const char* kind, const TensorSpec& spec, const View& view) {
  const auto fail = [&](const std::string& problem) {
    throw Error(std::string(kind) + " '" + spec.name + "': " + problem);
  };
  if (view.dtype != spec.dtype || !(view.shape == spec.shape))
    fail("expected " + to_string(View{nullptr, spec.dtype, spec.shape, {}}) + ", got " + to_string(view));
  if (view.strides.rank() != view.shape.rank() || !view.is_dense())
    fail("must be dense in row-major order, got strides " + to_string(view.strides) + " for shape " +
         to_string(view.shape));
  if (!view.data && view.elements() > 0)
    fail("has no data");
  if (reinterpret_cast<uintptr_t>(view.data) % size_of(view.dtype) != 0)
    fail("its address is not a multiple of the element size");
}

void check_views(const char* kind, const std::vector<TensorSpec>& specs, std::span<const View> views) {
  if (views.size() != specs.size())
    throw Error("the program has " + std::to_string(specs.size()) + " " + kind + "s, got " +
                std::to_string(views.size()));
  for (std::size_t i = 0; i < specs.size(); ++i)
    check_view(kind, specs[i], views[i]);
}

bool overlap(const View& a, const View& b) {
  const auto* x = static_cast<const std::byte*>(a.data);
  const auto* y = static_cast<const std::byte*>(b.data);
  return a.bytes() > 0 && b.bytes() > 0 && x < y + b.bytes() && y < x + a.bytes();
}

// An output is written while inputs and other outputs are still needed.
void check_overlap(const Executable& program, std::span<const View> inputs, std::span<const View> outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto fail = [&](const char* kind, const TensorSpec& other) {
      throw Error("output '" + program.outputs()[i].name + "' shares memory with " + kind + " '" +
                  other.name + "'");
    };
    for (std::size_t j = 0; j < inputs.size(); ++j)
      if (overlap(outputs[i], inputs[j]))
        fail("input", program.inputs()[j]);
    for (std::size_t j = 0; j < i; ++j)
      if (overlap(outputs[i], outputs[j]))
        fail("output", program.outputs()[j]);
  }
}

[[noreturn]] void malformed(const std::string& what) {
  throw Error("malformed program: " + what, ErrorKind::internal);
}

uint64_t space_bytes(const Executable::Parts& parts, const BufferRef& buffer) {
  const auto spec_bytes = [&](const std::vector<TensorSpec>& specs) -> uint64_t {
    if (buffer.index >= specs.size())
      malformed("a step refers to an input or output that does not exist");
    const TensorSpec& spec = specs[buffer.index];
    return static_cast<uint64_t>(checked_bytes(spec.shape.dims(), size_of(spec.dtype)));
  };
  switch (buffer.space) {
  case BufferRef::Space::arena:
    return parts.memory.arena_bytes;
  case BufferRef::Space::input:
    return spec_bytes(parts.inputs);
  case BufferRef::Space::output:
    return spec_bytes(parts.outputs);
  case BufferRef::Space::constant:
    if (buffer.index >= parts.constants.size() || !parts.constants[buffer.index])
      malformed("a step refers to a constant that does not exist");
    return parts.constants[buffer.index]->bytes();
  }
  malformed("a buffer lives nowhere");
}

void check_parts(const Executable::Parts& parts) {
  for (const Kernel& kernel : parts.kernels)
    if (!kernel.function || kernel.tasks < 0)
      malformed("kernel '" + kernel.name + "' has no code");
  for (const Step& step : parts.steps) {
    if (step.kernel >= parts.kernels.size())
      malformed("step '" + step.label + "' launches a kernel that does not exist");
    for (const BufferRef& buffer : step.buffers)
      if (buffer.byte_offset > space_bytes(parts, buffer))
        malformed("step '" + step.label + "' uses memory past the end of a buffer");
  }
}

} // namespace

// What one run needs for itself: memory, and the addresses of all buffers of all steps.
struct Executable::Workspace {
  // An address that follows the caller's tensors.
  struct Patch {
    std::size_t position;
    BufferRef buffer;
  };

  std::shared_ptr<Storage> arena;
  std::shared_ptr<Storage> scratch;
  uint64_t scratch_stride = 0;
  int workers = 0;
  bool touched = false;                   // the arena, by a run
  std::vector<void*> pointers;            // of step 0, step 1, ...
  std::vector<std::size_t> first_pointer; // of each step
  std::vector<Patch> patches;

  Workspace(const Parts& parts, uint64_t scratch_bytes, int worker_count)
      : scratch_stride(scratch_bytes), workers(worker_count) {
    if (parts.memory.arena_bytes > 0)
      arena = Storage::allocate(parts.memory.arena_bytes);
    if (scratch_bytes > 0)
      scratch = Storage::allocate(scratch_bytes * static_cast<uint64_t>(worker_count));
    for (const Step& step : parts.steps) {
      first_pointer.push_back(pointers.size());
      for (const BufferRef& buffer : step.buffers)
        add(parts, buffer);
    }
  }

  void add(const Parts& parts, const BufferRef& buffer) {
    std::byte* base = nullptr;
    switch (buffer.space) {
    case BufferRef::Space::arena:
      base = arena ? arena->data() : nullptr;
      break;
    case BufferRef::Space::constant:
      base = parts.constants[buffer.index]->data();
      break;
    case BufferRef::Space::input:
    case BufferRef::Space::output:
      patches.push_back({pointers.size(), buffer});
      break;
    }
    pointers.push_back(base ? base + buffer.byte_offset : nullptr);
  }

  void point_at(std::span<const View> inputs, std::span<const View> outputs) {
    for (const Patch& patch : patches) {
      const auto& views = patch.buffer.space == BufferRef::Space::input ? inputs : outputs;
      auto* base = static_cast<std::byte*>(views[patch.buffer.index].data);
      pointers[patch.position] = base ? base + patch.buffer.byte_offset : nullptr;
    }
  }

  void launch(const Kernel& kernel, std::size_t step, ThreadPool& pool) {
    void* const* buffers = pointers.data() + first_pointer[step];
    std::byte* const memory = kernel.scratch_bytes > 0 ? scratch->data() : nullptr;
    pool.parallel_for(kernel.tasks, kernel.grain, [&](int64_t begin, int64_t end, int worker) {
      kernel.function(buffers, begin, end,
                      memory ? memory + static_cast<uint64_t>(worker) * scratch_stride : nullptr);
    });
  }
};

Executable::Executable(Parts parts) : parts_(std::move(parts)) {
  check_parts(parts_);
  for (const Kernel& kernel : parts_.kernels)
    scratch_bytes_ = std::max(scratch_bytes_, round_up(kernel.scratch_bytes, kLine));
  for (const auto& constant : parts_.constants)
    if (constant)
      constant->allow_huge_pages();
}

Executable::~Executable() = default;

void Executable::run(std::span<const View> inputs, std::span<const View> outputs, ThreadPool& pool,
                     Profiler* profiler) const {
  check_views("input", parts_.inputs, inputs);
  check_views("output", parts_.outputs, outputs);
  check_overlap(*this, inputs, outputs);
  if (profiler && profiler->samples().size() != parts_.steps.size())
    throw Error("a profiler for " + std::to_string(profiler->samples().size()) +
                " steps, but the program has " + std::to_string(parts_.steps.size()));

  const ThreadPool::Run run(pool);
  std::unique_ptr<Workspace> workspace = take_workspace(pool.size());
  workspace->point_at(inputs, outputs);
  for (std::size_t step = 0; step < parts_.steps.size(); ++step) {
    const Kernel& kernel = parts_.kernels[parts_.steps[step].kernel];
    if (!profiler) {
      workspace->launch(kernel, step, pool);
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    workspace->launch(kernel, step, pool);
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    profiler->record(step, time.count());
  }
  if (!workspace->touched && workspace->arena)
    workspace->arena->allow_huge_pages();
  workspace->touched = true;
  return_workspace(std::move(workspace));
}

std::unique_ptr<Executable::Workspace> Executable::take_workspace(int workers) const {
  {
    std::lock_guard lock(mutex_);
    const auto fits = [&](const auto& workspace) { return workspace->workers >= workers; };
    const auto found = std::find_if(idle_.begin(), idle_.end(), fits);
    if (found != idle_.end()) {
      std::swap(*found, idle_.back());
      auto workspace = std::move(idle_.back());
      idle_.pop_back();
      return workspace;
    }
    // A pool larger than all before replaces what smaller ones left behind.
    idle_.clear();
  }
  return std::make_unique<Workspace>(parts_, scratch_bytes_, workers);
}

void Executable::return_workspace(std::unique_ptr<Workspace> workspace) const {
  std::lock_guard lock(mutex_);
  idle_.push_back(std::move(workspace));
}

void Profiler::record(std::size_t step, double ms) {
  Sample& sample = samples_.at(step);
  sample.min_ms = sample.runs == 0 ? ms : std::min(sample.min_ms, ms);
  sample.total_ms += ms;
  ++sample.runs;
}

} // namespace sinter::rt
