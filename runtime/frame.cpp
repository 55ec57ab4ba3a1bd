// Runs steps: launches kernels, takes branches, goes through loops.
#include "frame.h"

#include "sinter/runtime/thread_pool.h"

#include <algorithm>
#include <cstring>

namespace sinter::rt {
namespace {

constexpr uint64_t kLine = 64;

uint64_t to_lines(uint64_t bytes) {
  return (bytes + kLine - 1) / kLine * kLine;
}

uint64_t bytes_of(const TensorSpec& spec) {
  return static_cast<uint64_t>(checked_bytes(spec.shape.dims(), size_of(spec.dtype)));
}

void* slice(void* stack, int64_t number, const TensorSpec& spec) {
  return static_cast<std::byte*>(stack) + static_cast<uint64_t>(number) * bytes_of(spec);
}

} // namespace

// A branch or loop in a run. Carries alternate between the place of the result and a spare one, so that a
// body never writes what it reads.
class ControlFrame {
public:
  ControlFrame(const Control& control, std::byte* memory) : control_(control) {
    const Executable& body = *control.bodies.back();
    for (uint32_t i = 0; i < control.carries; ++i) {
      spare_.push_back(memory);
      memory += to_lines(bytes_of(body.outputs()[i]));
    }
    decision_ = memory;
    memory += kLine;
    for (const auto& program : control.bodies)
      bodies_.emplace_back(*program, memory);
    inputs_.resize(body.inputs().size());
    outputs_.resize(body.outputs().size());
  }

  void run(void* const* buffers, const RunContext& context) {
    switch (control_.kind) {
    case Control::Kind::cond:
      return branch(buffers, context);
    case Control::Kind::loop:
      return loop(buffers, context);
    case Control::Kind::scan:
      return scan(buffers, context);
    }
  }

private:
  void branch(void* const* buffers, const RunContext& context) {
    Frame& body = bodies_[*static_cast<const bool*>(buffers[0]) ? 0 : 1];
    body.point_at({buffers + 1, inputs_.size()}, {buffers + 1 + inputs_.size(), outputs_.size()});
    body.run(context);
  }

  void loop(void* const* buffers, const RunContext& context) {
    void* const* results = buffers + inputs_.size();
    std::copy_n(buffers, inputs_.size(), inputs_.begin());
    for (int64_t round = 0; control_.rounds < 0 || round < control_.rounds; ++round) {
      void* const decision = decision_;
      bodies_[0].point_at(inputs_, {&decision, 1});
      bodies_[0].run(context);
      if (!*static_cast<const bool*>(decision))
        break;
      std::copy_n(round % 2 == 0 ? results : spare_.data(), outputs_.size(), outputs_.begin());
      advance(bodies_[1], context);
    }
    bring(inputs_.data(), results);
  }

  void scan(void* const* buffers, const RunContext& context) {
    const std::size_t carries = control_.carries;
    void* const* results = buffers + inputs_.size();
    const Executable& program = bodies_[0].program();
    std::copy_n(buffers, inputs_.size(), inputs_.begin());
    for (int64_t round = 0; round < control_.rounds; ++round) {
      const int64_t left = control_.rounds - 1 - round;
      const int64_t step = control_.reverse ? left : round;
      for (std::size_t i = carries; i < carries + control_.sequences; ++i)
        inputs_[i] = slice(buffers[i], step, program.inputs()[i]);
      // The last round writes where the results are.
      std::copy_n(left % 2 == 0 ? results : spare_.data(), carries, outputs_.begin());
      for (std::size_t i = carries; i < outputs_.size(); ++i)
        outputs_[i] = slice(results[i], step, program.outputs()[i]);
      advance(bodies_[0], context);
    }
    bring(inputs_.data(), results);
  }

  // One round: what the body gives is what it takes next.
  void advance(Frame& body, const RunContext& context) {
    body.point_at(inputs_, outputs_);
    body.run(context);
    std::copy_n(outputs_.begin(), control_.carries, inputs_.begin());
  }

  // After rounds that ended elsewhere, or none.
  void bring(void* const* carries, void* const* results) const {
    const Executable& body = *control_.bodies.back();
    for (std::size_t i = 0; i < control_.carries; ++i)
      if (const uint64_t bytes = bytes_of(body.outputs()[i]); carries[i] != results[i] && bytes > 0)
        std::memcpy(results[i], carries[i], bytes);
  }

  const Control& control_;
  std::vector<Frame> bodies_;
  std::vector<void*> spare_;
  std::byte* decision_ = nullptr;
  std::vector<void*> inputs_, outputs_; // of the body, in this round
};

uint64_t control_bytes(const Control& control) {
  uint64_t own = kLine, bodies = 0;
  for (uint32_t i = 0; i < control.carries; ++i)
    own += to_lines(bytes_of(control.bodies.back()->outputs()[i]));
  for (const auto& body : control.bodies)
    bodies = std::max(bodies, body->frame_bytes());
  return own + bodies;
}

Frame::Frame(const Executable& program, std::byte* memory) : program_(&program) {
  std::byte* const bodies = memory + to_lines(program.memory().arena_bytes);
  for (const Step& step : program.steps()) {
    first_pointer_.push_back(pointers_.size());
    for (const BufferRef& buffer : step.buffers)
      add(buffer, memory);
    controls_.push_back(step.control ? std::make_unique<ControlFrame>(*step.control, bodies) : nullptr);
  }
}

Frame::~Frame() = default;
Frame::Frame(Frame&&) noexcept = default;

void Frame::add(const BufferRef& buffer, std::byte* memory) {
  std::byte* base = nullptr;
  switch (buffer.space) {
  case BufferRef::Space::arena:
    base = memory;
    break;
  case BufferRef::Space::constant:
    base = program_->constants()[buffer.index]->data();
    break;
  case BufferRef::Space::input:
  case BufferRef::Space::output:
    patches_.push_back({pointers_.size(), buffer});
    break;
  }
  pointers_.push_back(base ? base + buffer.byte_offset : nullptr);
}

void Frame::point_at(std::span<void* const> inputs, std::span<void* const> outputs) {
  for (const Patch& patch : patches_) {
    const auto& tensors = patch.buffer.space == BufferRef::Space::input ? inputs : outputs;
    auto* base = static_cast<std::byte*>(tensors[patch.buffer.index]);
    pointers_[patch.position] = base ? base + patch.buffer.byte_offset : nullptr;
  }
}

void Frame::run_step(std::size_t step, const RunContext& context) {
  void* const* buffers = pointers_.data() + first_pointer_[step];
  if (controls_[step])
    return controls_[step]->run(buffers, context);
  const Kernel& kernel = program_->kernels()[program_->steps()[step].kernel];
  std::byte* const memory = kernel.scratch_bytes > 0 ? context.scratch : nullptr;
  context.pool.parallel_for(kernel.tasks, kernel.grain, [&](int64_t begin, int64_t end, int worker) {
    kernel.function(buffers, begin, end,
                    memory ? memory + static_cast<uint64_t>(worker) * context.scratch_stride : nullptr);
  });
}

void Frame::run(const RunContext& context) {
  for (std::size_t step = 0; step < controls_.size(); ++step)
    run_step(step, context);
}

} // namespace sinter::rt
