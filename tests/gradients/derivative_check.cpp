// A program of the dialect, and whether its derivatives are right.
#include "derivative_check.h"

#include "codegen/compile.h"
#include "ir/constant.h"
#include "passes/differentiate.h"

#include "mlir/IR/Verifier.h"

#include <cmath>
#include <cstring>

namespace sinter::gradients {

using differential::Buffer;
using differential::denseBuffer;

namespace {

mlir::func::FuncOp mainOf(const Program& program) {
  return program.module.get().lookupSymbol<mlir::func::FuncOp>("main");
}

bool isFloat(const View& view) {
  return view.dtype == DType::f64;
}

template <class Visit>
void forEachElement(const std::vector<View>& views, Visit&& visit) {
  std::size_t i = 0;
  for (const View& view : views)
    for (int64_t e = 0; e < view.elements(); ++e)
      visit(view.as<double>()[e], i++);
}

std::vector<double> elements(const std::vector<View>& views) {
  std::vector<double> all;
  forEachElement(views, [&](double value, std::size_t) { all.push_back(value); });
  return all;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

double absoluteDot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += std::abs(a[i] * b[i]);
  return sum;
}

/// Arguments beyond those that have values get the elements of `seeds`, one after the other.
void bindSeeds(Program& program, const std::vector<double>& seeds) {
  std::size_t at = 0;
  auto main = mainOf(program);
  for (std::size_t i = program.inputs.size(); i < main.getNumArguments(); ++i) {
    const auto type = llvm::cast<mlir::RankedTensorType>(main.getArgumentTypes()[i]);
    program.inputs.push_back(denseBuffer(DType::f64, ir::shapeOf(type)));
    forEachElement({program.inputs.back().view}, [&](double& value, std::size_t) { value = seeds[at++]; });
  }
}

} // namespace

std::vector<Buffer> Program::run() const {
  std::vector<Buffer> results = differential::resultBuffers(module.get());
  codegen::interpret(module.get(), differential::views(inputs), differential::views(results));
  return results;
}

Program Program::clone() const {
  return {module.get().clone(), inputs};
}

std::size_t Program::length() const {
  mlir::Block& body = mainOf(*this).getBody().front();
  return static_cast<std::size_t>(std::distance(body.begin(), body.end()));
}

namespace {

template <class From, class To>
Buffer converted(const Buffer& buffer) {
  if (buffer.view.dtype != dtype_of<From>)
    return buffer;
  Buffer result = denseBuffer(dtype_of<To>, buffer.view.shape);
  for (int64_t i = 0; i < buffer.view.elements(); ++i)
    result.view.as<To>()[i] = static_cast<To>(buffer.view.as<From>()[i]);
  return result;
}

mlir::Type inSinglePrecision(mlir::Type type) {
  if (auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type))
    return tensor.clone(inSinglePrecision(tensor.getElementType()));
  return type.isF64() ? mlir::Type(mlir::Float32Type::get(type.getContext())) : type;
}

void setSinglePrecision(mlir::Value value) {
  value.setType(inSinglePrecision(value.getType()));
}

void setSinglePrecision(mlir::Operation* op) {
  for (mlir::Value result : op->getResults())
    setSinglePrecision(result);
  for (mlir::Region& region : op->getRegions())
    for (mlir::Block& block : region)
      for (mlir::Value argument : block.getArguments())
        setSinglePrecision(argument);
  for (mlir::NamedAttribute attribute : op->getAttrs())
    if (auto type = llvm::dyn_cast<mlir::TypeAttr>(attribute.getValue()); type && type.getValue().isF64())
      op->setAttr(attribute.getName(), mlir::TypeAttr::get(inSinglePrecision(type.getValue())));
  if (auto constant = llvm::dyn_cast<ir::ConstantOp>(op)) {
    const ir::ConstantData data = ir::readElements(constant.getValue());
    const Buffer same = converted<double, float>({data.storage, data.view});
    constant.setValueAttr(ir::makeElements(ir::tensorType(constant.getResult()), same.storage));
  }
}

/// The program with f32 in the place of f64, without values.
Program inSinglePrecision(const Program& program) {
  Program result = program.clone();
  result.inputs.clear();
  auto main = mainOf(result);
  main->walk([](mlir::Operation* op) { setSinglePrecision(op); });
  main.setFunctionType(mlir::FunctionType::get(main.getContext(), main.getBody().front().getArgumentTypes(),
                                               main.getBody().front().getTerminator()->getOperandTypes()));
  if (mlir::failed(mlir::verify(result.module.get())))
    throw Error("a program is not one in f32", ErrorKind::internal);
  return result;
}

} // namespace

std::vector<Buffer> inDoublePrecision(const std::vector<Buffer>& buffers) {
  std::vector<Buffer> result;
  for (const Buffer& buffer : buffers)
    result.push_back(converted<float, double>(buffer));
  return result;
}

DerivativeCheck::DerivativeCheck(const Program& program, differential::Case& random)
    : program_(program), case_(random), reverse_(program.clone()) {
  for (std::size_t i = 0; i < program.inputs.size(); ++i)
    if (isFloat(program.inputs[i].view))
      variables_.push_back(static_cast<int64_t>(i));
}

std::vector<View> DerivativeCheck::floats(const std::vector<Buffer>& buffers) const {
  std::vector<View> found;
  for (const Buffer& buffer : buffers)
    if (isFloat(buffer.view))
      found.push_back(buffer.view);
  return found;
}

bool DerivativeCheck::hasDerivative() const {
  return !variables_.empty() && !floats(differential::resultBuffers(program_.module.get())).empty();
}

DerivativeCheck::Vector DerivativeCheck::random(const std::vector<View>& like) {
  Vector values;
  forEachElement(like, [&](double, std::size_t) { values.push_back(case_.real(-1, 1)); });
  return values;
}

// The results' product with the cotangents, `step` away in a direction.
double DerivativeCheck::along(const Vector& direction, double step) {
  Program moved{mlir::OwningOpRef<mlir::ModuleOp>(), {}};
  std::vector<Buffer> inputs;
  std::size_t at = 0;
  for (const Buffer& input : program_.inputs) {
    inputs.push_back(denseBuffer(input.view.dtype, input.view.shape));
    std::memcpy(inputs.back().view.data, input.view.data, input.view.bytes());
    if (isFloat(input.view))
      forEachElement({inputs.back().view},
                     [&](double& value, std::size_t) { value += step * direction[at++]; });
  }
  std::vector<Buffer> results = differential::resultBuffers(program_.module.get());
  codegen::interpret(program_.module.get(), differential::views(inputs), differential::views(results));
  return dot(elements(floats(results)), cotangents_);
}

// Of fourth order: the error is step^4 / 30 times the fifth derivative.
double DerivativeCheck::difference(const Vector& direction, double step) {
  return (8 * (along(direction, step) - along(direction, -step)) -
          (along(direction, 2 * step) - along(direction, -2 * step))) /
         (12 * step);
}

Program DerivativeCheck::reverseInSinglePrecision() const {
  Program single = inSinglePrecision(program_);
  passes::differentiate(mainOf(single), passes::DerivativeMode::reverse, variables_);
  for (const Buffer& input : reverse_.inputs)
    single.inputs.push_back(converted<double, float>(input));
  return single;
}

DerivativeCheck::Verdict DerivativeCheck::run(bool atTies) {
  const std::vector<Buffer> results = program_.run();
  if (llvm::any_of(elements(floats(results)), [](double value) { return !std::isfinite(value); }))
    return Verdict::kink;
  cotangents_ = random(floats(results));
  const Vector direction = random(floats(program_.inputs));

  passes::differentiate(mainOf(reverse_), passes::DerivativeMode::reverse, variables_);
  bindSeeds(reverse_, cotangents_);
  std::vector<Buffer> computed = reverse_.run();
  computed.erase(computed.begin(), computed.begin() + static_cast<std::ptrdiff_t>(results.size()));
  const Vector gradient = elements(floats(computed));

  Program forward = program_.clone();
  passes::differentiate(mainOf(forward), passes::DerivativeMode::forward, variables_);
  bindSeeds(forward, direction);
  std::vector<Buffer> tangents = forward.run();
  tangents.erase(tangents.begin(), tangents.begin() + static_cast<std::ptrdiff_t>(results.size()));

  const double byReverse = dot(gradient, direction);
  const double byForward = dot(elements(floats(tangents)), cotangents_);
  const double size =
      std::max(absoluteDot(gradient, direction), absoluteDot(elements(floats(tangents)), cotangents_));
  constexpr double kBetweenModes = 1e-10, kToDifferences = 1e-6;
  // Where derivatives cancel to nothing, rounding is left; operands are about 1.
  constexpr double kRoundingOfModes = 1e-10, kRoundingOfDifferences = 1e-8;
  if (!(std::abs(byReverse - byForward) <= kBetweenModes * size + kRoundingOfModes)) {
    problem_ = "reverse mode gives " + std::to_string(byReverse) + ", forward mode " +
               std::to_string(byForward) + ", terms sum to " + std::to_string(size);
    return Verdict::modes_disagree;
  }
  if (atTies)
    return Verdict::right;
  constexpr double kStep = 1e-4;
  const double coarse = difference(direction, kStep), fine = difference(direction, kStep / 2);
  const double scale = std::max(size, std::max(std::abs(coarse), std::abs(fine)));
  if (!(std::abs(coarse - fine) <= 0.3 * kToDifferences * scale + kRoundingOfDifferences))
    return Verdict::kink;
  if (!(std::abs(fine - byReverse) <= kToDifferences * scale + kRoundingOfDifferences)) {
    problem_ = "reverse mode gives " + std::to_string(byReverse) + ", differences " + std::to_string(fine) +
               ", terms sum to " + std::to_string(size);
    return Verdict::unlike_differences;
  }
  return Verdict::right;
}

} // namespace sinter::gradients
