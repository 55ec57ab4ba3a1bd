// The programs compiled for the signatures seen last.
#include "program_cache.h"

#include <algorithm>

namespace sinter::trace {

ProgramCache::Signature ProgramCache::signature_of(std::span<const Tensor> inputs, Device device) {
  Signature signature{device, {}};
  for (const Tensor& input : inputs)
    signature.arguments.push_back({input.dtype(), input.shape()});
  return signature;
}

bool ProgramCache::matches(const Signature& signature, std::span<const Tensor> inputs, Device device) {
  return signature.device == device &&
         std::equal(signature.arguments.begin(), signature.arguments.end(), inputs.begin(), inputs.end(),
                    [](const Argument& argument, const Tensor& input) {
                      return argument.dtype == input.dtype() && argument.shape == input.shape();
                    });
}

ProgramCache::Program ProgramCache::find_locked(std::span<const Tensor> inputs, Device device) {
  for (Kept& kept : kept_)
    if (matches(kept.signature, inputs, device)) {
      kept.last_use = ++clock_;
      return kept.program;
    }
  return nullptr;
}

std::shared_ptr<ProgramCache::Compilation> ProgramCache::under_way(std::span<const Tensor> inputs,
                                                                   Device device) const {
  for (const auto& compilation : compilations_under_way_)
    if (matches(compilation->signature, inputs, device))
      return compilation;
  return nullptr;
}

ProgramCache::Program ProgramCache::find(std::span<const Tensor> inputs, Device device) {
  const std::lock_guard lock(mutex_);
  return find_locked(inputs, device);
}

ProgramCache::Program ProgramCache::get(std::span<const Tensor> inputs, Device device,
                                        llvm::function_ref<Program()> compile) {
  const auto own = std::make_shared<Compilation>();
  {
    std::unique_lock lock(mutex_);
    if (Program kept = find_locked(inputs, device))
      return kept;
    while (const auto other = under_way(inputs, device)) {
      if (other->thread == std::this_thread::get_id())
        return nullptr;
      ended_.wait(lock, [&] { return other->ended; });
      if (other->program)
        return other->program;
    }
    own->signature = signature_of(inputs, device);
    own->thread = std::this_thread::get_id();
    compilations_under_way_.push_back(own);
  }
  struct End {
    ProgramCache& cache;
    const std::shared_ptr<Compilation>& compilation;
    Program program;
    ~End() { cache.end(compilation, std::move(program)); }
  } end{*this, own, nullptr};
  end.program = compile();
  return end.program;
}

void ProgramCache::end(const std::shared_ptr<Compilation>& compilation, Program program) {
  Program evicted; // destroyed when the lock is gone: the end of a program may write its weights to the disk
  {
    const std::lock_guard lock(mutex_);
    std::erase(compilations_under_way_, compilation);
    compilation->ended = true;
    compilation->program = program;
    if (program)
      evicted = keep(compilation->signature, std::move(program));
  }
  ended_.notify_all();
}

ProgramCache::Program ProgramCache::keep(Signature signature, Program program) {
  ++compilations_;
  kept_.push_back({std::move(signature), std::move(program), ++clock_});
  if (kept_.size() <= capacity_)
    return nullptr;
  const auto oldest = std::min_element(kept_.begin(), kept_.end(),
                                       [](const Kept& a, const Kept& b) { return a.last_use < b.last_use; });
  Program evicted = std::move(oldest->program);
  kept_.erase(oldest);
  return evicted;
}

int64_t ProgramCache::compilations() const {
  const std::lock_guard lock(mutex_);
  return compilations_;
}

} // namespace sinter::trace
