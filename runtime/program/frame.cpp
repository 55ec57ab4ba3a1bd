// Runs steps: launches kernels, takes branches, goes through loops.
#include "frame.h"

#include "workers.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace sinter::rt {
namespace {

constexpr uint64_t kLine = 64;

uint64_t to_lines(uint64_t bytes) {
  return (bytes + kLine - 1) / kLine * kLine;
}

void* slice(void* stack, int64_t number, uint64_t bytes) {
  return static_cast<std::byte*>(stack) + static_cast<uint64_t>(number) * bytes;
}

const Program& last_body(const ProgramControl& control) {
  return *control.bodies[control.body_count - 1];
}

} // namespace

// A branch or loop in a run. Carries alternate between the place of the result and a spare one, so that a
// body never writes what it reads.
struct ControlFrame {
  const ProgramControl* control = nullptr;
  Frame* bodies[2] = {};
  void** spare = nullptr;
  void* decision = nullptr;
  void** inputs = nullptr; // of the body, in this round
  void** outputs = nullptr;

  void run(void* const* buffers, const RunContext& context) {
    switch (control->kind) {
    case ControlKind::cond:
      return branch(buffers, context);
    case ControlKind::loop:
      return loop(buffers, context);
    case ControlKind::scan:
      return scan(buffers, context);
    }
  }

private:
  uint32_t input_count() const { return last_body(*control).input_count; }
  uint32_t output_count() const { return last_body(*control).output_count; }

  static bool holds(const void* flag, const RunContext& context) {
    return context.device ? context.device->read_flag(context.device->device, flag)
                          : *static_cast<const bool*>(flag);
  }

  void branch(void* const* buffers, const RunContext& context) {
    Frame& body = *bodies[holds(buffers[0], context) ? 0 : 1];
    body.point_at(buffers + 1, buffers + 1 + input_count());
    body.run(context);
  }

  void loop(void* const* buffers, const RunContext& context) {
    void* const* results = buffers + input_count();
    std::copy_n(buffers, input_count(), inputs);
    for (int64_t round = 0; control->rounds < 0 || round < control->rounds; ++round) {
      bodies[0]->point_at(inputs, &decision);
      bodies[0]->run(context);
      if (!holds(decision, context))
        break;
      std::copy_n(round % 2 == 0 ? results : spare, output_count(), outputs);
      advance(*bodies[1], context);
    }
    bring(results, context);
  }

  void scan(void* const* buffers, const RunContext& context) {
    const uint32_t carries = control->carries;
    void* const* results = buffers + input_count();
    const Program& body = last_body(*control);
    std::copy_n(buffers, input_count(), inputs);
    for (int64_t round = 0; round < control->rounds; ++round) {
      const int64_t left = control->rounds - 1 - round;
      const int64_t step = control->reverse != 0 ? left : round;
      for (uint32_t i = carries; i < carries + control->sequences; ++i)
        inputs[i] = slice(buffers[i], step, body.input_bytes[i]);
      // The last round writes where the results are.
      std::copy_n(left % 2 == 0 ? results : spare, carries, outputs);
      for (uint32_t i = carries; i < output_count(); ++i)
        outputs[i] = slice(results[i], step, body.output_bytes[i]);
      advance(*bodies[0], context);
    }
    bring(results, context);
  }

  // One round: what the body gives is what it takes next.
  void advance(Frame& body, const RunContext& context) {
    body.point_at(inputs, outputs);
    body.run(context);
    std::copy_n(outputs, control->carries, inputs);
  }

  // After rounds that ended elsewhere, or none.
  void bring(void* const* results, const RunContext& context) const {
    const uint64_t* bytes = last_body(*control).output_bytes;
    for (uint32_t i = 0; i < control->carries; ++i)
      if (inputs[i] != results[i] && bytes[i] > 0) {
        if (context.device)
          context.device->copy(context.device->device, results[i], inputs[i], bytes[i]);
        else
          std::memcpy(results[i], inputs[i], bytes[i]);
      }
  }
};

namespace {

// What the bodies of a branch or loop need besides its buffers: their frames, and a second place for every
// carry.
uint64_t control_memory(const ProgramControl& control) {
  uint64_t own = kLine, bodies = 0;
  for (uint32_t i = 0; i < control.carries; ++i)
    own += to_lines(last_body(control).output_bytes[i]);
  for (uint32_t i = 0; i < control.body_count; ++i)
    bodies = std::max(bodies, frame_size(*control.bodies[i]).memory);
  return own + bodies;
}

} // namespace

// Lays frames out, one piece of the tables after the other. Without tables, it only counts.
class FrameMaker {
public:
  FrameMaker(std::byte* tables, void* const* constants) : tables_(tables), constants_(constants) {}

  uint64_t bytes() const { return used_; }

  Frame* add(const Program& program, std::byte* memory) {
    Frame* frame = take<Frame>(1);
    void** pointers = take<void*>(program.buffer_count);
    auto* patches = take<uint32_t>(program.buffer_count);
    auto** controls = take<ControlFrame*>(program.step_count);
    if (frame) {
      frame->program_ = &program;
      frame->pointers_ = pointers;
      frame->patches_ = patches;
      frame->controls_ = controls;
      for (uint32_t i = 0; i < program.buffer_count; ++i)
        pointers[i] = address(*frame, i, memory);
    }
    std::byte* bodies = memory ? memory + to_lines(program.arena_bytes) : nullptr;
    for (uint32_t i = 0; i < program.step_count; ++i) {
      const ProgramControl* control = program.steps[i].control;
      ControlFrame* made = control ? add(*control, bodies) : nullptr;
      if (frame)
        controls[i] = made;
    }
    return frame;
  }

private:
  void* address(Frame& frame, uint32_t number, std::byte* memory) const {
    const BufferRef& buffer = frame.program_->buffers[number];
    void* const* constants = frame.program_->constants ? frame.program_->constants : constants_;
    switch (buffer.space) {
    case BufferRef::Space::arena:
      return memory ? memory + buffer.byte_offset : nullptr;
    case BufferRef::Space::constant:
      return constants[buffer.index] ? static_cast<std::byte*>(constants[buffer.index]) + buffer.byte_offset
                                     : nullptr;
    case BufferRef::Space::input:
    case BufferRef::Space::output:
      frame.patches_[frame.patch_count_++] = number;
      break;
    }
    return nullptr;
  }

  ControlFrame* add(const ProgramControl& control, std::byte* memory) {
    const Program& body = last_body(control);
    ControlFrame* frame = take<ControlFrame>(1);
    void** spare = take<void*>(control.carries);
    void** inputs = take<void*>(body.input_count);
    void** outputs = take<void*>(body.output_count);
    const auto place = [&](uint64_t bytes) {
      std::byte* taken = memory;
      if (memory)
        memory += to_lines(bytes);
      return taken;
    };
    for (uint32_t i = 0; frame && i < control.carries; ++i)
      spare[i] = place(body.output_bytes[i]);
    void* decision = frame ? place(1) : nullptr;
    Frame* bodies[2] = {};
    for (uint32_t i = 0; i < control.body_count; ++i)
      bodies[i] = add(*control.bodies[i], memory);
    if (frame)
      *frame = {&control, {bodies[0], bodies[1]}, spare, decision, inputs, outputs};
    return frame;
  }

  template <class T>
  T* take(uint64_t count) {
    const uint64_t offset = used_;
    used_ += to_lines(count * sizeof(T));
    return tables_ ? new (tables_ + offset) T[count]() : nullptr;
  }

  std::byte* tables_;
  void* const* constants_;
  uint64_t used_ = 0;
};

FrameSize frame_size(const Program& program) {
  FrameSize size;
  for (uint32_t i = 0; i < program.kernel_count; ++i)
    size.scratch = std::max(size.scratch, to_lines(program.kernels[i].scratch_bytes));
  for (uint32_t i = 0; i < program.step_count; ++i) {
    const ProgramControl* control = program.steps[i].control;
    if (!control)
      continue;
    size.memory = std::max(size.memory, control_memory(*control));
    for (uint32_t j = 0; j < control->body_count; ++j)
      size.scratch = std::max(size.scratch, frame_size(*control->bodies[j]).scratch);
  }
  size.memory += to_lines(program.arena_bytes);
  FrameMaker counter(nullptr, nullptr);
  counter.add(program, nullptr);
  size.tables = counter.bytes();
  return size;
}

Frame* Frame::make(const Program& program, std::byte* tables, std::byte* memory, void* const* constants) {
  return FrameMaker(tables, constants).add(program, memory);
}

void Frame::point_at(void* const* inputs, void* const* outputs) {
  for (uint32_t i = 0; i < patch_count_; ++i) {
    const BufferRef& buffer = program_->buffers[patches_[i]];
    void* const* tensors = buffer.space == BufferRef::Space::input ? inputs : outputs;
    auto* base = static_cast<std::byte*>(tensors[buffer.index]);
    pointers_[patches_[i]] = base ? base + buffer.byte_offset : nullptr;
  }
}

void Frame::run_step(uint32_t number, const RunContext& context) {
  const ProgramStep& step = program_->steps[number];
  void* const* buffers = pointers_ + step.first_buffer;
  if (controls_[number])
    return controls_[number]->run(buffers, context);
  const ProgramKernel& kernel = program_->kernels[step.kernel];
  if (context.device)
    return context.device->launch(context.device->device, kernel.device_kernel, buffers);
  struct Launch {
    const ProgramKernel& kernel;
    void* const* buffers;
    std::byte* scratch;
    uint64_t stride;
  } launch{kernel, buffers, kernel.scratch_bytes > 0 ? context.scratch : nullptr, context.scratch_stride};
  const auto run = [](void* with, int64_t begin, int64_t end, int worker) {
    const auto& its = *static_cast<const Launch*>(with);
    its.kernel.function(its.buffers, begin, end,
                        its.scratch ? its.scratch + static_cast<uint64_t>(worker) * its.stride : nullptr);
  };
  if (context.workers)
    context.workers->parallel_for(kernel.tasks, kernel.grain, run, &launch);
  else if (kernel.tasks > 0)
    run(&launch, 0, kernel.tasks, 0);
}

void Frame::run(const RunContext& context) {
  for (uint32_t step = 0; step < program_->step_count; ++step)
    run_step(step, context);
}

} // namespace sinter::rt
