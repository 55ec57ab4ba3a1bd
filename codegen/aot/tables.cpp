// From compiled programs to the tables that lie in a library.
#include "codegen/aot/tables.h"

#include "sinter/runtime/aot/model.h"

#include <algorithm>
#include <cstddef>

namespace sinter::codegen::aot {
namespace {

using Place = Image::Place;

class TableMaker {
public:
  TableMaker(const LibraryContents& contents, ModelTables& tables) : contents_(contents), tables_(tables) {}

  void make(const WeightsPlace& place) {
    const std::vector<Place> versions = addAll(
        contents_.versions, [&](const LibraryContents::Version& version) { return addPrograms(version); });
    const Place variants = addVariants();
    const Place dimensions = addDimensions();

    std::vector<rt::aot::Version> heads;
    for (const LibraryContents::Version& version : contents_.versions)
      heads.push_back({.level = static_cast<uint32_t>(version.level)});
    const Place versionTable = image().add(heads);
    for (size_t i = 0; i < versions.size(); ++i)
      image().point(versionTable + i * sizeof(rt::aot::Version) + offsetof(rt::aot::Version, programs),
                    versions[i]);

    const rt::Executable& first = *contents_.versions.front().programs.front();
    rt::aot::Model model;
    model.weights_bytes = tables_.weights.bytes();
    if (place.symbol.empty())
      std::ranges::copy(tables_.weights.digest(), model.weights_digest);
    model.dimension_count = count(contents_.dimensions);
    model.variant_count = count(contents_.variants);
    model.version_count = count(contents_.versions);
    model.input_count = count(first.inputs());
    model.output_count = count(first.outputs());
    const Place at = tables_.model = image().add(&model);
    image().point(at + offsetof(rt::aot::Model, name), image().addText(contents_.name));
    image().point(at + offsetof(rt::aot::Model, dimensions), dimensions);
    image().point(at + offsetof(rt::aot::Model, variants), variants);
    image().point(at + offsetof(rt::aot::Model, versions), versionTable);
    if (place.symbol.empty())
      image().point(at + offsetof(rt::aot::Model, weights_file), image().addText(place.file));
    else
      image().point(at + offsetof(rt::aot::Model, weights), place.symbol);
  }

private:
  Image& image() { return tables_.image; }

  template <class T>
  static uint32_t count(const std::vector<T>& items) {
    return static_cast<uint32_t>(items.size());
  }

  template <class T, class Add>
  static std::vector<Place> addAll(const std::vector<T>& items, Add&& add) {
    std::vector<Place> places;
    for (const T& item : items)
      places.push_back(add(item));
    return places;
  }

  // A table of pointers.
  Place addPointers(const std::vector<Place>& targets) {
    const std::vector<const void*> empty(targets.size(), nullptr);
    const Place table = image().add(empty);
    for (size_t i = 0; i < targets.size(); ++i)
      image().point(table + i * sizeof(void*), targets[i]);
    return table;
  }

  Place addPrograms(const LibraryContents::Version& version) {
    return addPointers(addAll(version.programs, [&](const auto& program) { return addProgram(*program); }));
  }

  Place addProgram(const rt::Executable& executable) {
    const rt::Program& known = executable.program();
    rt::Program program;
    program.arena_bytes = known.arena_bytes;
    program.kernel_count = known.kernel_count;
    program.step_count = known.step_count;
    program.buffer_count = known.buffer_count;
    program.input_count = known.input_count;
    program.output_count = known.output_count;
    const Place kernels = addKernels(executable);
    const Place steps = addSteps(executable);
    const Place buffers = addBuffers(executable);
    const Place inputs = image().add(known.input_bytes, known.input_count);
    const Place outputs = image().add(known.output_bytes, known.output_count);
    const Place at = image().add(&program);
    image().point(at + offsetof(rt::Program, kernels), kernels);
    image().point(at + offsetof(rt::Program, steps), steps);
    image().point(at + offsetof(rt::Program, buffers), buffers);
    image().point(at + offsetof(rt::Program, input_bytes), inputs);
    image().point(at + offsetof(rt::Program, output_bytes), outputs);
    return at;
  }

  Place addKernels(const rt::Executable& executable) {
    const rt::Program& program = executable.program();
    const Place table = image().add(program.kernels, program.kernel_count);
    for (size_t i = 0; i < program.kernel_count; ++i) {
      const rt::KernelObject& object = *executable.kernels()[i].object;
      tables_.kernels.emplace(object.symbol, &object);
      image().point(table + i * sizeof(rt::ProgramKernel) + offsetof(rt::ProgramKernel, function),
                    object.symbol);
    }
    return table;
  }

  Place addSteps(const rt::Executable& executable) {
    std::vector<rt::ProgramStep> steps(executable.program().steps,
                                       executable.program().steps + executable.program().step_count);
    for (rt::ProgramStep& step : steps)
      step.control = nullptr;
    std::vector<std::pair<size_t, Place>> controls;
    for (size_t i = 0; i < steps.size(); ++i)
      if (const auto& control = executable.steps()[i].control)
        controls.emplace_back(i, addControl(*control, *executable.program().steps[i].control));
    const Place table = image().add(steps);
    for (const auto& [step, place] : controls)
      image().point(table + step * sizeof(rt::ProgramStep) + offsetof(rt::ProgramStep, control), place);
    return table;
  }

  Place addControl(const rt::Control& control, const rt::ProgramControl& known) {
    const std::vector<Place> bodies =
        addAll(control.bodies, [&](const auto& body) { return addProgram(*body); });
    rt::ProgramControl head = known;
    std::ranges::fill(head.bodies, nullptr);
    const Place at = image().add(&head);
    for (size_t i = 0; i < bodies.size(); ++i)
      image().point(at + offsetof(rt::ProgramControl, bodies) + i * sizeof(void*), bodies[i]);
    return at;
  }

  // All constants become offsets into the one block of weights.
  Place addBuffers(const rt::Executable& executable) {
    const rt::Program& program = executable.program();
    std::vector<rt::BufferRef> buffers(program.buffers, program.buffers + program.buffer_count);
    for (rt::BufferRef& buffer : buffers)
      if (buffer.space == rt::BufferRef::Space::constant)
        buffer = {rt::BufferRef::Space::constant, 0,
                  tables_.weights.place(executable.constants()[buffer.index]) + buffer.byte_offset};
    return image().add(buffers);
  }

  Place addTensors(const std::vector<rt::TensorSpec>& specs) {
    std::vector<sinter_tensor> tensors;
    std::vector<Place> names, shapes;
    for (const rt::TensorSpec& spec : specs) {
      const auto bytes = static_cast<size_t>(spec.shape.elements()) * size_of(spec.dtype);
      tensors.push_back({nullptr, static_cast<int32_t>(spec.dtype), spec.shape.rank(), nullptr, bytes});
      names.push_back(image().addText(spec.name));
      shapes.push_back(image().add(spec.shape.begin(), static_cast<size_t>(spec.shape.rank())));
    }
    const Place table = image().add(tensors);
    for (size_t i = 0; i < tensors.size(); ++i) {
      image().point(table + i * sizeof(sinter_tensor) + offsetof(sinter_tensor, name), names[i]);
      image().point(table + i * sizeof(sinter_tensor) + offsetof(sinter_tensor, shape), shapes[i]);
    }
    return table;
  }

  Place addVariants() {
    const std::vector<rt::aot::Variant> heads(contents_.variants.size());
    const Place table = image().add(heads);
    for (size_t i = 0; i < heads.size(); ++i) {
      const rt::Executable& program = *contents_.versions.front().programs[i];
      const Place at = table + i * sizeof(rt::aot::Variant);
      image().point(at + offsetof(rt::aot::Variant, dimensions), image().add(contents_.variants[i]));
      image().point(at + offsetof(rt::aot::Variant, inputs), addTensors(program.inputs()));
      image().point(at + offsetof(rt::aot::Variant, outputs), addTensors(program.outputs()));
    }
    return table;
  }

  Place addDimensions() {
    return addPointers(addAll(contents_.dimensions, [&](const DynamicDimension& dimension) {
      return image().addText(dimension.name);
    }));
  }

  const LibraryContents& contents_;
  ModelTables& tables_;
};

// The numbers of the C interface are those of DType.
static_assert(static_cast<int>(DType::f32) == SINTER_F32 && static_cast<int>(DType::f64) == SINTER_F64 &&
              static_cast<int>(DType::i32) == SINTER_I32 && static_cast<int>(DType::i64) == SINTER_I64 &&
              static_cast<int>(DType::boolean) == SINTER_BOOL && static_cast<int>(DType::i8) == SINTER_I8 &&
              static_cast<int>(DType::u8) == SINTER_U8 && static_cast<int>(DType::f16) == SINTER_F16 &&
              static_cast<int>(DType::bf16) == SINTER_BF16);

} // namespace

ModelTables makeTables(const LibraryContents& contents, const WeightsPlace& place) {
  ModelTables tables;
  TableMaker(contents, tables).make(place);
  return tables;
}

} // namespace sinter::codegen::aot
