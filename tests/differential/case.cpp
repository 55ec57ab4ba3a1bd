// Random programs: shapes, element types, operands.
#include "case.h"

#include "ir/constant.h"

#include <limits>

namespace sinter::differential {

Case::Case(mlir::MLIRContext& context, uint64_t seed, Purpose purpose)
    : seed_(seed), purpose_(purpose), engine_(seed * 0x9E3779B97F4A7C15ULL + 1), builder_(&context),
      module_(mlir::ModuleOp::create(builder_.getUnknownLoc())) {
  builder_.setInsertionPointToEnd(module_->getBody());
  main_ = mlir::func::FuncOp::create(builder_, location(), "main", builder_.getFunctionType({}, {}));
  builder_.setInsertionPointToEnd(main_.addEntryBlock());
}

// The standard distributions differ between libraries; a seed must mean the same everywhere.
int64_t Case::integer(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(engine_() % static_cast<uint64_t>(high - low + 1));
}

double Case::real(double low, double high) {
  return low + (high - low) * (static_cast<double>(engine_() >> 11) * 0x1p-53);
}

bool Case::chance(double probability) {
  return real(0, 1) < probability;
}

mlir::Type Case::elementType(Elements elements) {
  if (purpose_ == Purpose::derivatives && elements != Elements::boolean && elements != Elements::index)
    return builder_.getF64Type();
  switch (elements) {
  case Elements::floating:
    return chance(0.85) ? mlir::Type(builder_.getF32Type()) : builder_.getF64Type();
  case Elements::number:
    if (chance(0.75))
      return elementType(Elements::floating);
    return chance(0.5) ? builder_.getI32Type() : builder_.getI64Type();
  case Elements::any:
    return chance(0.85) ? elementType(Elements::number) : builder_.getI1Type();
  case Elements::boolean:
    return builder_.getI1Type();
  case Elements::index:
    return chance(0.5) ? builder_.getI32Type() : builder_.getI64Type();
  }
  return {};
}

Dims Case::shape(int64_t minRank, int64_t maxRank, bool mayBeEmpty) {
  constexpr int64_t kMaxElements = 6000;
  Dims dims;
  int64_t elements = 1;
  const int64_t rank = integer(minRank, maxRank);
  for (int64_t d = 0; d < rank; ++d) {
    int64_t extent = choose<int64_t>({1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 24, 31, 33, 64, 100});
    while (extent > 1 && elements * extent > kMaxElements)
      extent = (extent + 1) / 2;
    elements *= extent;
    dims.push_back(extent);
  }
  if (mayBeEmpty && rank > 0 && chance(purpose_ == Purpose::derivatives ? 0.06 : 0.02))
    dims[static_cast<std::size_t>(integer(0, rank - 1))] = 0;
  return dims;
}

namespace {

bool fits(mlir::Type element, Elements elements) {
  switch (elements) {
  case Elements::floating:
    return llvm::isa<mlir::FloatType>(element);
  case Elements::number:
    return !element.isInteger(1);
  case Elements::any:
    return true;
  case Elements::boolean:
    return element.isInteger(1);
  case Elements::index:
    return element.isInteger(32) || element.isInteger(64);
  }
  return false;
}

} // namespace

mlir::Value Case::data(Elements elements, int64_t minRank, int64_t maxRank, Range range, bool mayBeEmpty) {
  if (current_) {
    const mlir::RankedTensorType type = ir::tensorType(current_);
    if (fits(type.getElementType(), elements) && type.getRank() >= minRank && type.getRank() <= maxRank &&
        (mayBeEmpty || type.getNumElements() > 0))
      return current_;
  }
  return tensor(shape(minRank, maxRank, mayBeEmpty), elementType(elements), range, 0.05);
}

mlir::Value Case::dataOf(llvm::ArrayRef<int64_t> shape, mlir::Type element, Range range) {
  if (mlir::Value value = earlier(mlir::RankedTensorType::get(shape, element)))
    return value;
  return tensor(shape, element, range);
}

mlir::Value Case::earlier(mlir::RankedTensorType type) {
  llvm::SmallVector<mlir::Value> fitting;
  for (mlir::Value value : made_)
    if (value.getType() == type)
      fitting.push_back(value);
  if (fitting.empty() || chance(0.5))
    return {};
  return fitting[static_cast<std::size_t>(integer(0, static_cast<int64_t>(fitting.size()) - 1))];
}

mlir::Value Case::tensor(llvm::ArrayRef<int64_t> shape, mlir::Type element, Range range,
                         double constantChance) {
  const auto type = mlir::RankedTensorType::get(shape, element);
  Data data = fill(shape, element, range);
  const bool variable = purpose_ == Purpose::derivatives && llvm::isa<mlir::FloatType>(element);
  if (!variable && chance(constantChance)) {
    mlir::OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointToStart(&main_.getBody().front());
    return ir::ConstantOp::create(builder_, location(), type, ir::makeElements(type, data.storage));
  }
  arguments_.push_back(std::move(data));
  return main_.getBody().front().addArgument(type, location());
}

mlir::Value Case::broadcastWith(mlir::Value value, Range range, bool onlyToValue) {
  const mlir::RankedTensorType type = ir::tensorType(value);
  if (mlir::Value other = chance(0.4) ? earlier(type) : mlir::Value())
    return other;
  if (chance(0.05))
    return value;
  Dims dims(type.getShape());
  if (chance(0.4)) {
    dims.erase(dims.begin(), dims.begin() + integer(0, static_cast<int64_t>(dims.size())));
    for (int64_t& extent : dims)
      extent = chance(0.4) ? 1 : extent;
  } else if (!onlyToValue && chance(0.1) && dims.size() < 4) {
    dims.insert(dims.begin(), integer(1, 3)); // the other one broadcasts
  }
  return tensor(dims, type.getElementType(), range, 0.4);
}

Case::Data Case::fill(llvm::ArrayRef<int64_t> dims, mlir::Type element, Range range) {
  const DType dtype = ir::dtypeOf(element);
  const Shape shape{std::span<const int64_t>(dims.data(), dims.size())};
  auto storage = Storage::allocate(static_cast<std::size_t>(checked_bytes(shape.dims(), size_of(dtype))));
  const View view = View::dense(storage->data(), dtype, shape);
  visit_dtype(dtype, "test data", [&](auto tag) {
    using T = decltype(tag);
    T* out = view.as<T>();
    for (int64_t i = 0; i < shape.elements(); ++i) {
      if constexpr (std::is_same_v<T, bool>) {
        out[i] = chance(0.5);
      } else if constexpr (std::is_integral_v<T>) {
        out[i] = static_cast<T>(
            integer(static_cast<int64_t>(std::ceil(range.low)), static_cast<int64_t>(range.high)));
      } else {
        out[i] = static_cast<T>(real(range.low, range.high));
        if (range.nans && chance(0.2))
          out[i] = chance(0.5) ? std::numeric_limits<T>::quiet_NaN() : std::numeric_limits<T>::infinity();
      }
    }
  });
  return {std::move(storage), view};
}

void Case::setCurrent(mlir::Value value) {
  current_ = value;
  if (value)
    made_.push_back(value);
}

void Case::finish() {
  llvm::SmallVector<mlir::Value> results;
  for (mlir::Value value : made_)
    if (value.use_empty() || chance(0.1))
      results.push_back(value);
  if (chance(0.05))
    results.push_back(results.front()); // the same value twice
  if (chance(0.05) && !arguments_.empty())
    results.push_back(main_.getArgument(0));
  mlir::func::ReturnOp::create(builder_, location(), results);
  mlir::Block& block = main_.getBody().front();
  main_.setFunctionType(
      builder_.getFunctionType(block.getArgumentTypes(), mlir::ValueRange(results).getTypes()));
  for (unsigned i = 0; i < block.getNumArguments(); ++i)
    main_.setArgAttr(i, "sinter.name", builder_.getStringAttr("x" + std::to_string(i)));
  for (unsigned i = 0; i < results.size(); ++i)
    main_.setResultAttr(i, "sinter.name", builder_.getStringAttr("y" + std::to_string(i)));
}

std::vector<View> Case::inputs() const {
  std::vector<View> views;
  for (const Data& argument : arguments_)
    views.push_back(argument.view);
  return views;
}

const Maker* findMaker(llvm::StringRef name) {
  static const detail::Table table = [] {
    detail::Table all;
    detail::addElementwise(all);
    detail::addStructured(all);
    detail::addWindows(all);
    detail::addMovement(all);
    detail::addControl(all);
    return all;
  }();
  auto found = table.find(name);
  return found == table.end() ? nullptr : &found->second;
}

} // namespace sinter::differential
