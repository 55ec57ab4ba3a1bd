// The compiler's last step: planned module to Executable.
#include "codegen/compile.h"

#include "codegen/constants.h"
#include "codegen/cpu/compile.h"
#include "codegen/cuda/compile.h"
#include "codegen/kernel/kernel_store.h"
#include "ir/constant.h"
#include "ir/constant_deferral.h"
#include "ir/control_flow.h"
#include "ir/location.h"
#include "ir/ops.h"
#include "passes/memory_groups.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <chrono>
#include <map>

using namespace mlir;

namespace sinter::codegen {
namespace {

// Which GPU is looked for only when a program is to run there.
passes::Backend backendOf(const CompileOptions& options) {
  return rt::cuda::ordinal_of(options.device) ? passes::Backend::cuda : passes::Backend::cpu;
}

func::FuncOp mainFunction(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main || main.isExternal())
    throw Error("the module has no function @main", ErrorKind::internal);
  return main;
}

std::string nameOr(Attribute attribute, const std::string& otherwise) {
  auto name = dyn_cast_or_null<StringAttr>(attribute);
  return name ? name.str() : otherwise;
}

rt::TensorSpec specOf(Type type, std::string name) {
  const auto tensor = cast<RankedTensorType>(type);
  return {std::move(name), ir::dtypeOf(tensor.getElementType()), ir::shapeOf(tensor)};
}

uint64_t moduleNumber(ModuleOp module, StringRef name) {
  auto attribute = module->getAttrOfType<IntegerAttr>(name);
  if (!attribute)
    throw Error("the planned module lacks " + name.str(), ErrorKind::internal);
  return static_cast<uint64_t>(attribute.getInt());
}

// The body of a branch or loop as a program of its own.
OwningOpRef<ModuleOp> programOf(Region& body) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(body.getLoc());
  OpBuilder builder(module->getBodyRegion());
  auto main =
      func::FuncOp::create(builder, body.getLoc(), "main",
                           builder.getFunctionType(body.getArgumentTypes(), TypeRange(ir::yielded(body))));
  IRMapping mapping;
  body.cloneInto(&main.getBody(), mapping);
  Operation* yield = main.getBody().front().getTerminator();
  builder.setInsertionPoint(yield);
  func::ReturnOp::create(builder, yield->getLoc(), yield->getOperands());
  yield->erase();
  return module;
}

std::shared_ptr<rt::Executable> compileBody(Region& body, const CompileOptions& options) {
  const OwningOpRef<ModuleOp> module = programOf(body);
  CompileOptions own = options;
  own.progress = nullptr; // counts the kernels of the program around
  own.memoryLimit = 0;    // is of both together
  return compile(*module, own);
}

// Turns @main's straight line into steps on buffers.
class ProgramBuilder {
public:
  ProgramBuilder(ModuleOp module, rt::Executable::Parts& parts, const ConstantOptions& constants,
                 const CompileOptions& options)
      : module_(module), parts_(parts), constantOptions_(constants), options_(options) {}

  void build() {
    func::FuncOp main = mainFunction(module_);
    Block& body = main.getBody().front();
    for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
      const auto number = static_cast<unsigned>(i);
      parts_.inputs.push_back(specOf(
          argument.getType(), nameOr(main.getArgAttr(number, "sinter.name"), "arg" + std::to_string(i))));
      buffers_[argument] = {rt::BufferRef::Space::input, number, 0};
    }
    Operation* terminator = body.getTerminator();
    for (auto [i, value] : llvm::enumerate(terminator->getOperands())) {
      const auto number = static_cast<unsigned>(i);
      parts_.outputs.push_back(specOf(
          value.getType(), nameOr(main.getResultAttr(number, "sinter.name"), "result" + std::to_string(i))));
      for (const passes::Slice& leaf : passes::leavesOf(value))
        returned_[leaf.value] = {rt::BufferRef::Space::output, number, static_cast<uint64_t>(leaf.offset)};
    }
    uint32_t index = 0;
    for (ir::KernelOp kernel : module_.getOps<ir::KernelOp>()) {
      kernelIndex_[kernel.getSymName()] = index++;
      kernelOps_.push_back(kernel);
    }
    addConstants(body);
    for (Operation& op : body.without_terminator())
      add(op);
  }

private:
  void addConstants(Block& body) {
    ProgramConstants made = makeConstants(body, constantOptions_);
    parts_.mapped_constant_bytes = made.mappedBytes;
    parts_.companion = std::move(made.keeper);
    for (ProgramConstants::Constant& constant : made.constants) {
      if (options_.objects || backendOf(options_) != passes::Backend::cpu)
        cutOut(constant);
      buffers_[constant.value] = {rt::BufferRef::Space::constant,
                                  static_cast<uint32_t>(parts_.constants.size()), constant.byteOffset};
      parts_.constants.push_back(std::move(constant.storage));
    }
  }

  // What else is in the storage does not go into a library, or a device.
  static void cutOut(ProgramConstants::Constant& constant) {
    const auto bytes = static_cast<size_t>(ir::storedBytes(ir::tensorType(constant.value)));
    constant.storage =
        Storage::adopt(constant.storage->data() + constant.byteOffset, bytes, constant.storage);
    constant.byteOffset = 0;
  }

  // The computed value at whose first byte `value` begins.
  static Value source(Value value) { return passes::leavesOf(value).front().value; }

  void add(Operation& op) {
    if (isa<ir::ConstantOp>(op))
      return; // see addConstants
    if (auto launch = dyn_cast<ir::LaunchOp>(op)) {
      add(launch);
    } else if (ir::isControlFlow(&op)) {
      addControl(&op);
    } else if (!isa<ir::ReshapeOp, ir::ConcatOp>(op)) {
      throw Error("a planned program cannot hold " + op.getName().getStringRef().str(), ErrorKind::internal);
    }
  }

  void add(ir::LaunchOp launch) {
    rt::Step step;
    step.kernel = kernelIndex_.at(launch.getKernel());
    for (Value operand : launch.getInputs())
      step.buffers.push_back(bufferOf(operand));
    placeResults(launch, launch.getOffsets(), step);
    step.label = operations(kernelOps_[step.kernel]);
    name(launch, step);
    cost(kernelOps_[step.kernel], step);
    step.bytes = ir::operandAndResultBytes(launch);
    parts_.steps.push_back(std::move(step));
  }

  void placeResults(Operation* op, std::optional<ArrayRef<int64_t>> offsets, rt::Step& step) {
    if (!offsets || offsets->size() != op->getNumResults())
      throw Error(op->getName().getStringRef().str() + " has no place for its results", ErrorKind::internal);
    for (auto [result, offset] : llvm::zip(op->getResults(), *offsets)) {
      if (offset >= 0)
        buffers_[result] = {rt::BufferRef::Space::arena, 0, static_cast<uint64_t>(offset)};
      else
        buffers_[result] = returned_.at(result);
      step.buffers.push_back(buffers_[result]);
    }
  }

  static void name(Operation* op, rt::Step& step) {
    if (const auto sources = ir::sourcesOf(op->getLoc()); !sources.empty())
      step.label += " @ " + llvm::join(sources, " + ");
  }

  void addControl(Operation* op) {
    rt::Step step;
    auto control = std::make_shared<rt::Control>();
    for (Region& region : op->getRegions())
      control->bodies.push_back(compileBody(region, options_));
    for (Value operand : op->getOperands())
      step.buffers.push_back(bufferOf(operand));
    const auto offsets = op->getAttrOfType<DenseI64ArrayAttr>("offsets");
    placeResults(op, offsets ? std::optional(offsets.asArrayRef()) : std::nullopt, step);
    step.label = describe(op, *control);
    name(op, step);
    costOfBodies(*control, step);
    for (const auto& body : control->bodies) {
      parts_.kernels_compiled += body->kernels_compiled();
      parts_.kernels_loaded += body->kernels_loaded();
      parts_.mapped_constant_bytes += body->mapped_constant_bytes();
    }
    step.control = std::move(control);
    parts_.steps.push_back(std::move(step));
  }

  // Fills in `control`; "scan x100", for people.
  static std::string describe(Operation* op, rt::Control& control) {
    using Kind = rt::Control::Kind;
    if (auto scan = dyn_cast<ir::ScanOp>(op)) {
      control.kind = Kind::scan;
      control.carries = static_cast<uint32_t>(scan.getCarries().size());
      control.sequences = static_cast<uint32_t>(scan.getSequences().size());
      control.rounds = static_cast<int64_t>(scan.getSteps());
      control.reverse = scan.getReverse();
      return "scan x" + std::to_string(control.rounds);
    }
    if (auto loop = dyn_cast<ir::WhileOp>(op)) {
      control.kind = Kind::loop;
      control.carries = static_cast<uint32_t>(loop.getCarries().size());
      control.rounds = loop.getMaxIterations() ? static_cast<int64_t>(*loop.getMaxIterations()) : -1;
      return "while";
    }
    control.kind = Kind::cond;
    return "cond";
  }

  // Of a branch the dearer body, of a scan all rounds, of a loop, whose rounds nobody knows, one.
  static void costOfBodies(const rt::Control& control, rt::Step& step) {
    for (const auto& body : control.bodies) {
      double flops = 0, bytes = 0;
      for (const rt::Step& inner : body->steps()) {
        flops += inner.flops;
        bytes += inner.bytes;
      }
      const double rounds = control.kind == rt::Control::Kind::scan ? static_cast<double>(control.rounds) : 1;
      step.flops = std::max(step.flops, rounds * flops);
      step.bytes = std::max(step.bytes, rounds * bytes);
    }
  }

  // "conv+add+relu": what a kernel computes, in order.
  static std::string operations(ir::KernelOp kernel) {
    std::string text;
    for (Operation& op : kernel.getBody().front().without_terminator())
      if (!isa<ir::ConstantOp>(op))
        text += (text.empty() ? "" : "+") + op.getName().stripDialect().str();
    return text.empty() ? "copy" : text;
  }

  static void cost(ir::KernelOp kernel, rt::Step& step) {
    for (Operation& op : kernel.getBody().front())
      if (auto fusion = dyn_cast<ir::FusionOpInterface>(op))
        step.flops += fusion.getFlops();
  }

  rt::BufferRef bufferOf(Value value) const {
    auto found = buffers_.find(source(value));
    if (found == buffers_.end())
      throw Error("a planned program uses a value without a buffer", ErrorKind::internal);
    return found->second;
  }

  ModuleOp module_;
  rt::Executable::Parts& parts_;
  ConstantOptions constantOptions_;
  const CompileOptions& options_;
  llvm::DenseMap<Value, rt::BufferRef> buffers_;
  llvm::DenseMap<Value, rt::BufferRef> returned_;
  std::map<StringRef, uint32_t> kernelIndex_;
  std::vector<ir::KernelOp> kernelOps_;
};

cpu::Target targetOf(const CompileOptions& options) {
  if (options.objects)
    return cpu::Target::ofLibrary(options.cpu);
  return options.cpu == "native" ? cpu::Target::host() : cpu::Target::named(options.cpu);
}

passes::Precision precisionOf(const CompileOptions& options) {
  const passes::Precision precision = precisionNamed(options.precision);
  if (precision != passes::Precision::f32 && backendOf(options) == passes::Backend::cpu)
    throw Error("precision " + options.precision + " is for GPUs, and the device is " + options.device +
                ": kernels of the processor compute in f32");
  return precision;
}

void lowerFor(const cpu::Target& target, ModuleOp module, const CompileOptions& options,
              passes::Stage stage = passes::Stage::planned) {
  passes::runPipeline(module,
                      {.backend = backendOf(options),
                       .fuse = options.fuse,
                       .block = target.lanes(),
                       // As tensor cores and cuDNN want them.
                       .channelsLast = options.channelsLast || precisionOf(options) != passes::Precision::f32,
                       .precise = options.precise,
                       .memoryLimit = options.memoryLimit,
                       .precision = precisionOf(options)},
                      stage);
}

CompiledKernels makeKernels(ModuleOp module, const cpu::Target& target, const CompileOptions& options,
                            const std::shared_ptr<rt::cuda::CudaDevice>& gpu) {
  if (options.makeKernels)
    return options.makeKernels(module);
  const KernelOptions kernels{.tune = options.tune,
                              .precise = options.precise,
                              .diskCache = options.diskCache,
                              .objects = options.objects,
                              .progress = options.progress};
  return gpu ? cuda::compileKernels(module, gpu, kernels) : cpu::compileKernels(module, target, kernels);
}

// What kernels of a device read lies in its memory.
void moveTo(rt::Device& device, std::vector<std::shared_ptr<Storage>>& constants) {
  const auto lock = device.exclusive();
  for (std::shared_ptr<Storage>& constant : constants) {
    const auto there = device.allocate(constant->bytes());
    device.upload(there->data(), constant->data(), constant->bytes());
    constant = there;
  }
  device.synchronize();
}

ConstantOptions constantOptions(const CompileOptions& options, const CompiledKernels& kernels) {
  if (!options.diskCache || options.objects)
    return {};
  KernelStore* store = KernelStore::ifOn();
  if (!store || !store->cache().can_map())
    return {};
  // A program some of whose kernels had to be compiled is new here, and so are its constants.
  return {.store = store, .find = kernels.compiled == 0};
}

// The plan keeps to the limit; what bodies of branches and loops take besides is known only now.
void checkMemory(const rt::Executable& executable, const CompileOptions& options) {
  if (options.memoryLimit > 0 && executable.frame_bytes() > static_cast<uint64_t>(options.memoryLimit))
    throw Error("memory_limit is " + std::to_string(options.memoryLimit) + " bytes, but " +
                std::to_string(executable.frame_bytes()) +
                " are needed, with what the bodies of branches and loops take");
}

} // namespace

std::shared_ptr<rt::Executable> compile(ModuleOp module, const CompileOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  if (options.memoryLimit < 0)
    throw Error("memory_limit is " + std::to_string(options.memoryLimit) + " bytes");
  const cpu::Target target = targetOf(options);
  std::shared_ptr<rt::cuda::CudaDevice> gpu;
  if (const auto ordinal = rt::cuda::ordinal_of(options.device); ordinal && !options.makeKernels)
    gpu = rt::cuda::CudaDevice::open(*ordinal);
  lowerFor(target, module, options);
  if (const auto* deferral = ir::ConstantDeferral::of(module.getContext());
      deferral && deferral->contradicted)
    throw ir::WeightsNotFinite();
  rt::Executable::Parts parts;
  CompiledKernels compiled = makeKernels(module, target, options, gpu);
  parts.kernels = std::move(compiled.kernels);
  parts.kernels_compiled = compiled.compiled;
  parts.kernels_loaded = compiled.loaded;
  ProgramBuilder(module, parts, constantOptions(options, compiled), options).build();
  if (gpu) {
    moveTo(*gpu, parts.constants);
    parts.companion.reset(); // what they were made in
  }
  parts.device = std::move(gpu);
  parts.memory = {moduleNumber(module, "sinter.arena_bytes"),
                  moduleNumber(module, "sinter.arena_lower_bound"),
                  moduleNumber(module, "sinter.arena_without_reuse")};
  parts.compile_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  auto executable = std::make_shared<rt::Executable>(std::move(parts));
  checkMemory(*executable, options);
  return executable;
}

void lower(ModuleOp module, const CompileOptions& options, passes::Stage stage) {
  lowerFor(targetOf(options), module, options, stage);
}

passes::Stage stageNamed(const std::string& name) {
  if (const auto stage = passes::stageNamed(name))
    return *stage;
  throw Error("there is no stage '" + name + "'; there are " + llvm::join(passes::kStageNames, ", ") +
              " and llvm, or, for a GPU, cuda");
}

passes::Precision precisionNamed(const std::string& name) {
  if (const auto precision = passes::precisionNamed(name))
    return *precision;
  throw Error("there is no precision '" + name + "'; there are " + llvm::join(passes::kPrecisionNames, ", "));
}

std::string inspect(ModuleOp module, const CompileOptions& options, const std::string& stage,
                    Weights weights) {
  const bool isCuda = backendOf(options) == passes::Backend::cuda;
  if (stage == (isCuda ? "cuda" : "llvm")) {
    const cpu::Target target = targetOf(options);
    lowerFor(target, module, options);
    std::string text = isCuda ? cuda::printKernels(module) : cpu::printKernels(module, target);
    // What lies in bodies is compiled as they are.
    for (func::FuncOp function : module.getOps<func::FuncOp>())
      for (Operation& op : function.getBody().front())
        for (Region& body : op.getRegions())
          text += inspect(*programOf(body), options, stage, weights);
    return text;
  }
  if (stage == "cuda")
    throw Error("stage cuda is of programs for a GPU: give device cuda");
  if (stage == "llvm")
    throw Error("stage llvm is of programs for the processor; for device " + options.device +
                " there is stage cuda");
  lower(module, options, stageNamed(stage));
  constexpr int64_t kShownElements = 16;
  OpPrintingFlags flags;
  // In local scope, MLIR does not append the weights. (Its limit on their length comes after it wrote them
  // out.)
  if (weights == Weights::elided)
    flags.elideLargeElementsAttrs(kShownElements).useLocalScope();
  else
    ir::makePromisedConstants(module);
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, flags);
  return text;
}

} // namespace sinter::codegen
