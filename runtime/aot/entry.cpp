// Contexts of ahead-of-time models: made, run, ended. Nothing here throws; what is wrong becomes a status and
// a line.
#include "sinter/runtime/aot/entry.h"

#include "aot/failure.h"
#include "aot/processor.h"
#include "aot/weights.h"
#include "program/frame.h"
#include "program/workers.h"

#include <algorithm>
#include <cinttypes>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

using sinter::rt::Frame;
using sinter::rt::FrameSize;
using sinter::rt::Program;
using sinter::rt::Workers;
using namespace sinter::rt::aot;

namespace {

constexpr uint64_t kLine = 64;

// A context's memory, in the order in which it lies there.
struct Layout {
  uint64_t tables = 0;
  uint64_t memory = 0;
  uint64_t scratch = 0; // of each thread

  uint64_t bytes(int threads) const { return tables + memory + scratch * static_cast<uint64_t>(threads); }
};

// Enough for every variant.
Layout layout_of(const Model& model, const Version& version) {
  Layout layout;
  for (uint32_t i = 0; i < model.variant_count; ++i) {
    const FrameSize size = sinter::rt::frame_size(*version.programs[i]);
    layout.tables = std::max(layout.tables, size.tables);
    layout.memory = std::max(layout.memory, size.memory);
    layout.scratch = std::max(layout.scratch, size.scratch);
  }
  return layout;
}

// The best this processor can run; null if there is none.
const Version* version_for(const Model& model) {
  const int level = processor_level();
  for (uint32_t i = 0; i < model.version_count; ++i)
    if (static_cast<int>(model.versions[i].level) <= level)
      return &model.versions[i];
  return nullptr;
}

int thread_count(int32_t wanted) {
  return wanted == 0 ? sinter::rt::available_processors() : wanted;
}

bool are_threads(int32_t threads) {
  return threads >= 0 && threads <= Workers::kMost;
}

} // namespace

struct sinter_aot_context {
  const Model* model = nullptr;
  const Version* version = nullptr;
  uint32_t variant = 0;
  Workers* workers = nullptr;
  void* weights = nullptr; // the only constant of all programs
  std::byte* workspace = nullptr;
  bool owns_workspace = false;
  bool is_touched = false; // the workspace, by a run
  Layout layout;
  Frame* frame = nullptr;
  int64_t* wanted = nullptr; // values of the dynamic dimensions

  // Puts the frame of a variant in the place of the one that was there.
  void choose(uint32_t number) {
    if (frame && variant == number)
      return;
    variant = number;
    std::byte* memory = workspace + layout.tables;
    frame = Frame::make(*version->programs[number], workspace, memory, &weights);
  }

  std::byte* scratch() const { return workspace + layout.tables + layout.memory; }
};

namespace {

// What a kernel reads again in every run is worth larger pages, once it has been written.
void allow_huge_pages(sinter_aot_context& context) {
  context.is_touched = true;
  if (!context.owns_workspace)
    return;
  constexpr uint64_t kLeast = uint64_t{4} << 20;
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t bytes = context.layout.bytes(context.workers->size());
  const uint64_t lead = (page - reinterpret_cast<uintptr_t>(context.workspace) % page) % page;
  if (bytes >= kLeast)
    madvise(context.workspace + lead, (bytes - lead) / page * page, MADV_HUGEPAGE);
}

int take_workspace(sinter_aot_context& context, const sinter_options& options) {
  const uint64_t bytes = context.layout.bytes(context.workers->size());
  if (!options.workspace) {
    context.workspace = static_cast<std::byte*>(std::aligned_alloc(kLine, std::max(bytes, kLine)));
    context.owns_workspace = true;
    return context.workspace
               ? SINTER_OK
               : fail(SINTER_OUT_OF_MEMORY, "cannot allocate a workspace of %" PRIu64 " bytes", bytes);
  }
  const uint64_t lead = (kLine - reinterpret_cast<uintptr_t>(options.workspace) % kLine) % kLine;
  if (options.workspace_bytes < lead || options.workspace_bytes - lead < bytes)
    return fail(SINTER_INVALID_ARGUMENT, "the workspace has %zu bytes, %s needs %" PRIu64 " for %d threads",
                options.workspace_bytes, context.model->name, bytes + kLine, context.workers->size());
  context.workspace = static_cast<std::byte*>(options.workspace) + lead;
  return SINTER_OK;
}

int set_up(sinter_aot_context& context, const sinter_options& options) {
  const Model& model = *context.model;
  if (!are_threads(options.threads))
    return fail(SINTER_INVALID_ARGUMENT, "%d threads: expected 0 to %d", options.threads, Workers::kMost);
  context.version = version_for(model);
  if (!context.version)
    return fail(SINTER_UNSUPPORTED_PROCESSOR,
                "%s was compiled for x86-64-v%u and above, this processor is an x86-64-v%d", model.name,
                model.versions[model.version_count - 1].level, processor_level());
  int status = SINTER_OK;
  context.weights = const_cast<void*>(acquire_weights(model, options.weights, status));
  if (!context.weights)
    return status;
  const int threads = thread_count(options.threads);
  int error = 0;
  context.workers = Workers::create(threads, error);
  if (!context.workers)
    return fail(SINTER_OUT_OF_MEMORY, "cannot start %d threads: %s", threads, std::strerror(error));
  context.layout = layout_of(model, *context.version);
  if (status = take_workspace(context, options); status != SINTER_OK)
    return status;
  context.wanted = static_cast<int64_t*>(std::calloc(std::max(model.dimension_count, 1U), sizeof(int64_t)));
  if (!context.wanted)
    return fail(SINTER_OUT_OF_MEMORY, "out of memory");
  std::copy_n(model.variants[0].dimensions, model.dimension_count, context.wanted);
  context.choose(0);
  return SINTER_OK;
}

size_t size_of(int32_t dtype) {
  switch (dtype) {
  case SINTER_F64:
  case SINTER_I64:
    return 8;
  case SINTER_F32:
  case SINTER_I32:
    return 4;
  case SINTER_F16:
  case SINTER_BF16:
    return 2;
  default:
    return 1;
  }
}

int check_buffers(const char* kind, const sinter_tensor* tensors, uint32_t count, const void* const* buffers,
                  const size_t* bytes) {
  if (count > 0 && (!buffers || !bytes))
    return fail(SINTER_INVALID_ARGUMENT, "no %ss: a null pointer", kind);
  for (uint32_t i = 0; i < count; ++i) {
    const sinter_tensor& tensor = tensors[i];
    if (bytes[i] != tensor.bytes)
      return fail(SINTER_INVALID_ARGUMENT, "%s '%s' has %zu bytes, expected %zu", kind, tensor.name, bytes[i],
                  tensor.bytes);
    if (!buffers[i] && tensor.bytes > 0)
      return fail(SINTER_INVALID_ARGUMENT, "%s '%s' is a null pointer", kind, tensor.name);
    if (reinterpret_cast<uintptr_t>(buffers[i]) % size_of(tensor.dtype) != 0)
      return fail(SINTER_INVALID_ARGUMENT, "%s '%s': its address is not a multiple of the element size", kind,
                  tensor.name);
  }
  return SINTER_OK;
}

bool overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes) {
  const auto x = reinterpret_cast<uintptr_t>(a), y = reinterpret_cast<uintptr_t>(b);
  return a_bytes > 0 && b_bytes > 0 && x < y + b_bytes && y < x + a_bytes;
}

// An output is written while inputs and other outputs are still needed.
int check_overlap(const Model& model, const Variant& variant, const void* const* inputs,
                  void* const* outputs) {
  const auto fail_with = [&](uint32_t output, const char* kind, const char* name) {
    return fail(SINTER_INVALID_ARGUMENT, "output '%s' shares memory with %s '%s'",
                variant.outputs[output].name, kind, name);
  };
  for (uint32_t i = 0; i < model.output_count; ++i) {
    for (uint32_t j = 0; j < model.input_count; ++j)
      if (overlap(outputs[i], variant.outputs[i].bytes, inputs[j], variant.inputs[j].bytes))
        return fail_with(i, "input", variant.inputs[j].name);
    for (uint32_t j = 0; j < i; ++j)
      if (overlap(outputs[i], variant.outputs[i].bytes, outputs[j], variant.outputs[j].bytes))
        return fail_with(i, "output", variant.outputs[j].name);
  }
  return SINTER_OK;
}

const Variant& variant_of(const Model& model, const sinter_aot_context* context) {
  return model.variants[context ? context->variant : 0];
}

} // namespace

int sinter_aot_create(const Model* model, const sinter_options* options, sinter_aot_context** context) {
  if (!context)
    return fail(SINTER_INVALID_ARGUMENT, "no place for the context: a null pointer");
  *context = nullptr;
  void* memory = std::malloc(sizeof(sinter_aot_context));
  if (!memory)
    return fail(SINTER_OUT_OF_MEMORY, "out of memory");
  auto* made = new (memory) sinter_aot_context;
  made->model = model;
  const int status = set_up(*made, options ? *options : sinter_options{});
  if (status == SINTER_OK)
    *context = made;
  else
    sinter_aot_destroy(made);
  return status;
}

void sinter_aot_destroy(sinter_aot_context* context) {
  if (!context)
    return;
  Workers::destroy(context->workers);
  if (context->weights)
    release_weights(*context->model, context->weights);
  if (context->owns_workspace)
    std::free(context->workspace);
  std::free(context->wanted);
  std::free(context);
}

int sinter_aot_run(sinter_aot_context* context, const void* const* inputs, const size_t* input_bytes,
                   void* const* outputs, const size_t* output_bytes) {
  if (!context)
    return fail(SINTER_INVALID_ARGUMENT, "no context: a null pointer");
  const Model& model = *context->model;
  const Variant& variant = model.variants[context->variant];
  if (const int status = check_buffers("input", variant.inputs, model.input_count, inputs, input_bytes))
    return status;
  if (const int status = check_buffers("output", variant.outputs, model.output_count, outputs, output_bytes))
    return status;
  if (const int status = check_overlap(model, variant, inputs, outputs))
    return status;
  Workers& workers = *context->workers;
  workers.begin_run();
  // Kernels do not write to inputs.
  context->frame->point_at(const_cast<void* const*>(inputs), outputs);
  context->frame->run({&workers, context->scratch(), context->layout.scratch});
  workers.end_run();
  if (!context->is_touched)
    allow_huge_pages(*context);
  return SINTER_OK;
}

int sinter_aot_set_dimension(sinter_aot_context* context, const char* name, int64_t value) {
  if (!context || !name)
    return fail(SINTER_INVALID_ARGUMENT, "no context, or no name: a null pointer");
  const Model& model = *context->model;
  uint32_t dimension = 0;
  while (dimension < model.dimension_count && std::strcmp(model.dimensions[dimension], name) != 0)
    ++dimension;
  if (dimension == model.dimension_count)
    return fail(SINTER_INVALID_ARGUMENT, "%s has no dynamic dimension '%s'", model.name, name);
  const int64_t before = context->wanted[dimension];
  context->wanted[dimension] = value;
  for (uint32_t i = 0; i < model.variant_count; ++i)
    if (std::equal(context->wanted, context->wanted + model.dimension_count, model.variants[i].dimensions)) {
      context->choose(i);
      return SINTER_OK;
    }
  context->wanted[dimension] = before;
  return fail(SINTER_INVALID_ARGUMENT, "%s was not compiled for '%s' of %" PRId64, model.name, name, value);
}

const sinter_tensor* sinter_aot_input(const Model* model, const sinter_aot_context* context, size_t index) {
  return index < model->input_count ? &variant_of(*model, context).inputs[index] : nullptr;
}

const sinter_tensor* sinter_aot_output(const Model* model, const sinter_aot_context* context, size_t index) {
  return index < model->output_count ? &variant_of(*model, context).outputs[index] : nullptr;
}

size_t sinter_aot_workspace_bytes(const Model* model, int32_t threads) {
  const Version* version = version_for(*model);
  if (!version || !are_threads(threads))
    return 0;
  // One line more, for memory that is not aligned.
  return layout_of(*model, *version).bytes(thread_count(threads)) + kLine;
}

const char* sinter_aot_error(void) {
  return last_failure();
}
