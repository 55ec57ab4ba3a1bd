// Runs compiled programs: checks what it is given, fills in addresses, launches kernels in order.
#include "sinter/runtime/executable.h"

#include "program/frame.h"
#include "sinter/runtime/error.h"
#include "sinter/runtime/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace sinter::rt {
namespace {

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

void check_control(const Step& step) {
  const auto fail = [&] { malformed("step '" + step.label + "' has bodies that do not fit"); };
  const Control& control = *step.control;
  const std::size_t bodies = control.kind == Control::Kind::scan ? 1 : 2;
  if (control.bodies.size() != bodies || std::ranges::count(control.bodies, nullptr) > 0)
    fail();
  const Executable& body = *control.bodies.back();
  const bool is_cond = control.kind == Control::Kind::cond;
  if (step.buffers.size() != (is_cond ? 1 : 0) + body.inputs().size() + body.outputs().size() ||
      control.carries + std::size_t{control.sequences} > body.inputs().size() ||
      control.carries > body.outputs().size())
    fail();
  const Executable& other = *control.bodies.front();
  const std::size_t results = control.kind == Control::Kind::loop ? 1 : body.outputs().size();
  if (other.inputs().size() != body.inputs().size() || other.outputs().size() != results)
    fail();
}

void check_parts(const Executable::Parts& parts) {
  for (const Kernel& kernel : parts.kernels)
    if ((parts.device ? !kernel.device : !kernel.function && !kernel.object) || kernel.tasks < 0)
      malformed("kernel '" + kernel.name + "' has no code");
  for (const Step& step : parts.steps) {
    if (step.control)
      check_control(step);
    else if (step.kernel >= parts.kernels.size())
      malformed("step '" + step.label + "' launches a kernel that does not exist");
    else if (parts.device && parts.kernels[step.kernel].device->parameters != step.buffers.size())
      malformed("step '" + step.label + "' has another number of buffers than its kernel takes");
    for (const BufferRef& buffer : step.buffers)
      if (buffer.byte_offset > space_bytes(parts, buffer))
        malformed("step '" + step.label + "' uses memory past the end of a buffer");
  }
}

} // namespace

namespace {

void check_is_linked(const std::vector<Kernel>& kernels) {
  for (const Kernel& kernel : kernels)
    if (!kernel.function && !kernel.device)
      throw Error("the program was compiled for a library and cannot be run here", ErrorKind::internal);
}

} // namespace

// The program as frames read it.
struct Executable::Tables {
  std::vector<ProgramKernel> kernels;
  std::vector<ProgramStep> steps;
  std::vector<BufferRef> buffers;
  std::vector<uint64_t> input_bytes, output_bytes;
  std::vector<void*> constants;
  std::vector<std::unique_ptr<ProgramControl>> controls;
  Program program;

  explicit Tables(const Parts& parts) {
    for (const Kernel& kernel : parts.kernels)
      kernels.push_back(
          {kernel.function, kernel.tasks, kernel.grain, kernel.scratch_bytes, kernel.device.get()});
    for (const Step& step : parts.steps)
      add(step);
    for (const TensorSpec& input : parts.inputs)
      input_bytes.push_back(bytes_of(input));
    for (const TensorSpec& output : parts.outputs)
      output_bytes.push_back(bytes_of(output));
    for (const auto& constant : parts.constants)
      constants.push_back(constant ? constant->data() : nullptr);
    program = {.kernels = kernels.data(),
               .steps = steps.data(),
               .buffers = buffers.data(),
               .input_bytes = input_bytes.data(),
               .output_bytes = output_bytes.data(),
               .constants = constants.data(),
               .arena_bytes = parts.memory.arena_bytes,
               .kernel_count = count(kernels),
               .step_count = count(steps),
               .buffer_count = count(buffers),
               .input_count = count(input_bytes),
               .output_count = count(output_bytes)};
  }

private:
  static uint64_t bytes_of(const TensorSpec& spec) {
    return static_cast<uint64_t>(checked_bytes(spec.shape.dims(), size_of(spec.dtype)));
  }

  template <class T>
  static uint32_t count(const std::vector<T>& items) {
    return static_cast<uint32_t>(items.size());
  }

  void add(const Step& step) {
    const ProgramControl* control = step.control ? add(*step.control) : nullptr;
    steps.push_back({control, step.kernel, count(buffers)});
    buffers.insert(buffers.end(), step.buffers.begin(), step.buffers.end());
  }

  const ProgramControl* add(const Control& control) {
    auto made = std::make_unique<ProgramControl>();
    made->kind = control.kind;
    made->reverse = control.reverse ? 1 : 0;
    made->carries = control.carries;
    made->sequences = control.sequences;
    made->rounds = control.rounds;
    for (const auto& body : control.bodies)
      made->bodies[made->body_count++] = &body->program();
    return controls.emplace_back(std::move(made)).get();
  }
};

// What one run needs for itself: memory, and the addresses of all buffers of all steps.
struct Executable::Workspace {
  std::shared_ptr<Storage> memory;
  std::shared_ptr<Storage> scratch;
  std::shared_ptr<Storage> tables;
  int workers = 0;
  bool touched = false; // the memory, by a run
  Frame* frame = nullptr;
  std::vector<void*> inputs, outputs;

  // Of a device: its copies of what lies in the host's memory, and all launches.
  std::shared_ptr<Storage> tensors;
  std::unique_ptr<DeviceGraph> graph;
  enum class Recording : uint8_t { none, wanted, done } recording = Recording::none;

  Workspace(const Executable& program, int worker_count)
      : memory(program.device() ? program.device()->allocate(program.frame_bytes())
                                : storage(program.frame_bytes())),
        scratch(storage(program.scratch_bytes() * static_cast<uint64_t>(worker_count))),
        tables(storage(program.table_bytes_)), workers(worker_count),
        frame(Frame::make(program.program(), tables->data(), memory ? memory->data() : nullptr, nullptr)),
        inputs(program.inputs().size()), outputs(program.outputs().size()) {}

  static std::shared_ptr<Storage> storage(uint64_t bytes) {
    return bytes > 0 ? Storage::allocate(bytes) : nullptr;
  }

  void point_at(std::span<const View> from, std::span<const View> to) {
    const auto address = [](const View& view) { return view.data; };
    std::ranges::transform(from, inputs.begin(), address);
    std::ranges::transform(to, outputs.begin(), address);
    frame->point_at(inputs.data(), outputs.data());
  }

  // Points at places for copies of all tensors.
  void point_at_copies(const Executable& program) {
    constexpr uint64_t kAlignment = 256; // as memory from the device has it
    uint64_t bytes = 0;
    const auto reserve = [&](uint64_t size) {
      return std::exchange(bytes, bytes + (size + kAlignment - 1) / kAlignment * kAlignment);
    };
    const Program& tables = program.program();
    std::vector<uint64_t> offsets;
    for (uint32_t i = 0; i < tables.input_count; ++i)
      offsets.push_back(reserve(tables.input_bytes[i]));
    for (uint32_t i = 0; i < tables.output_count; ++i)
      offsets.push_back(reserve(tables.output_bytes[i]));
    if (!tensors)
      tensors = program.device()->allocate(bytes);
    for (std::size_t i = 0; i < offsets.size(); ++i)
      (i < inputs.size() ? inputs[i] : outputs[i - inputs.size()]) = tensors->data() + offsets[i];
    frame->point_at(inputs.data(), outputs.data());
  }
};

Executable::Executable(Parts parts) : parts_(std::move(parts)) {
  check_parts(parts_);
  tables_ = std::make_unique<const Tables>(parts_);
  const FrameSize size = frame_size(program());
  frame_bytes_ = size.memory;
  table_bytes_ = size.tables;
  scratch_bytes_ = size.scratch;
  for (const auto& constant : parts_.constants)
    if (constant && !parts_.device)
      constant->allow_huge_pages();
}

const Program& Executable::program() const {
  return tables_->program;
}

Executable::~Executable() = default;

void Executable::check_tensors(std::span<const View> inputs, std::span<const View> outputs) const {
  check_is_linked(parts_.kernels);
  check_views("input", parts_.inputs, inputs);
  check_views("output", parts_.outputs, outputs);
  check_overlap(*this, inputs, outputs);
}

void Executable::run(std::span<const View> inputs, std::span<const View> outputs, ThreadPool& pool,
                     Profiler* profiler) const {
  check_tensors(inputs, outputs);
  if (profiler && profiler->samples().size() != parts_.steps.size())
    throw Error("a profiler for " + std::to_string(profiler->samples().size()) +
                " steps, but the program has " + std::to_string(parts_.steps.size()));

  if (parts_.device)
    return run_on_device(inputs, outputs, profiler);
  const ThreadPool::Run run(pool);
  std::unique_ptr<Workspace> workspace = take_workspace(pool.size());
  workspace->point_at(inputs, outputs);
  run_steps(*workspace,
            {pool.workers(), workspace->scratch ? workspace->scratch->data() : nullptr, scratch_bytes_},
            profiler);
  if (!workspace->touched && workspace->memory)
    workspace->memory->allow_huge_pages();
  workspace->touched = true;
  return_workspace(std::move(workspace));
}

void Executable::run_steps(Workspace& workspace, const RunContext& context, Profiler* profiler) const {
  for (uint32_t step = 0; step < tables_->program.step_count; ++step) {
    if (!profiler) {
      workspace.frame->run_step(step, context);
      continue;
    }
    if (parts_.device)
      parts_.device->synchronize();
    const auto start = std::chrono::steady_clock::now();
    workspace.frame->run_step(step, context);
    if (parts_.device)
      parts_.device->synchronize();
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    profiler->record(step, time.count());
  }
}

namespace {

// Kernels go to `launch`, the rest to the device.
DeviceCalls calls_of(void* with, void (*launch)(void*, const void*, void* const*)) {
  return {with, launch,
          [](void* with, const void* flag) {
            bool value = false;
            static_cast<Device*>(with)->download(&value, flag, 1);
            return value;
          },
          [](void* with, void* to, const void* from, uint64_t bytes) {
            static_cast<Device*>(with)->copy(to, from, bytes);
          }};
}

void launch_kernel(void* with, const void* kernel, void* const* buffers) {
  static_cast<Device*>(with)->launch(*static_cast<const DeviceKernel*>(kernel), buffers);
}

void note_launch(void* with, const void* kernel, void* const* buffers) {
  static_cast<std::vector<DeviceLaunch>*>(with)->push_back(
      {static_cast<const DeviceKernel*>(kernel), buffers});
}

} // namespace

// The device has the lock.
void Executable::launch(Workspace& workspace) const {
  RunContext context;
  constexpr std::size_t kFew = 2; // steps, for which a graph is no less work
  const auto has_control = [](const Step& step) { return step.control != nullptr; };
  if (workspace.recording == Workspace::Recording::wanted) {
    std::vector<DeviceLaunch> launches;
    const DeviceCalls noting = calls_of(&launches, note_launch);
    context.device = &noting;
    run_steps(workspace, context, nullptr);
    workspace.graph = parts_.device->record(launches);
    workspace.recording = Workspace::Recording::done;
  }
  if (workspace.graph && workspace.graph->launch())
    return;
  const DeviceCalls calls = calls_of(parts_.device.get(), launch_kernel);
  context.device = &calls;
  run_steps(workspace, context, nullptr);
  // What is run once is not worth a graph.
  if (workspace.recording == Workspace::Recording::none)
    workspace.recording = parts_.steps.size() > kFew && std::ranges::none_of(parts_.steps, has_control)
                              ? Workspace::Recording::wanted
                              : Workspace::Recording::done;
}

void Executable::run_on_device(std::span<const View> inputs, std::span<const View> outputs,
                               Profiler* profiler) const {
  Device& device = *parts_.device;
  const auto lock = device.exclusive();
  std::unique_ptr<Workspace> workspace = take_workspace(1);
  workspace->point_at_copies(*this);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    device.upload(workspace->inputs[i], inputs[i].data, inputs[i].bytes());
  if (profiler) {
    const DeviceCalls calls = calls_of(&device, launch_kernel);
    RunContext context;
    context.device = &calls;
    run_steps(*workspace, context, profiler);
  } else {
    launch(*workspace);
  }
  for (std::size_t i = 0; i < outputs.size(); ++i)
    device.download(outputs[i].data, workspace->outputs[i], outputs[i].bytes());
  return_workspace(std::move(workspace));
}

void Executable::enqueue(std::span<const View> inputs, std::span<const View> outputs) const {
  if (!parts_.device)
    throw Error("the program runs on the host, not on a device", ErrorKind::internal);
  check_tensors(inputs, outputs);
  const auto lock = parts_.device->exclusive();
  std::unique_ptr<Workspace> workspace = take_workspace(1);
  workspace->point_at(inputs, outputs);
  launch(*workspace);
  // Whoever takes it next has his work done after this.
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
  return std::make_unique<Workspace>(*this, workers);
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
