// Kernels in the terms of libraries.
#include "codegen/cuda/library_problem.h"

#include "ir/precision.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"

#include <cmath>
#include <map>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

using rt::PointwiseFunction;
using rt::cuda::BufferTensor;
using rt::cuda::FusedConvolution;
using rt::cuda::FusedMatmul;
using rt::cuda::PointwiseStep;
using Earlier = PointwiseStep::Earlier;
using Steps = std::vector<PointwiseStep>;

bool isFloat(Type element) {
  return element.isF32() || ir::isHalf(element);
}

int64_t elementsOf(ArrayRef<int64_t> extents) {
  int64_t count = 1;
  for (int64_t extent : extents)
    count *= extent;
  return count;
}

// Strides of extents that lie without gaps, the dimensions of `order` from the outermost to the innermost.
std::vector<int64_t> packedStrides(ArrayRef<int64_t> extents, ArrayRef<int64_t> order) {
  std::vector<int64_t> strides(extents.size());
  int64_t stride = 1;
  for (int64_t dim : llvm::reverse(order)) {
    strides[static_cast<size_t>(dim)] = stride;
    stride *= extents[static_cast<size_t>(dim)];
  }
  return strides;
}

SmallVector<int64_t> orderOf(size_t rank, bool channelsLast) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, static_cast<int64_t>(rank)));
  if (channelsLast)
    std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return order;
}

// Where an extent is 1, any stride is as good: libraries go by the strides to tell layouts apart.
bool liesAs(const BufferTensor& tensor, ArrayRef<int64_t> strides) {
  for (auto [extent, have, want] : llvm::zip(tensor.extents, tensor.strides, strides))
    if (extent > 1 && have != want)
      return false;
  return true;
}

class Matcher {
public:
  Matcher(ir::KernelOp kernel, bool precise)
      : precise_(precise), kernel_(kernel), block_(kernel.getBody().front()), root_(kernel.getRoot()),
        contraction_(dyn_cast_or_null<ir::ContractionOpInterface>(root_)) {}

  std::optional<LibraryProblem> match() {
    if (!isSimple())
      return std::nullopt;
    sizes_ = contraction_.getContraction();
    const bool isMatmul = sizes_.kind == ir::Contraction::Kind::matmul;
    rank_ = static_cast<size_t>(ir::tensorType(root_->getResult(0)).getRank());
    if (!isMatmul)
      rank_ = std::max<size_t>(rank_, 4);
    auto result = tensor(block_.getTerminator()->getOperand(0), block_.getNumArguments());
    if (!result || !readSteps())
      return std::nullopt;
    result_ = *result;
    return isMatmul ? matmul() : convolution();
  }

private:
  // One root, which reads buffers, and one result.
  bool isSimple() {
    if (!contraction_ || contraction_.getContraction().winogradTile != 0 ||
        block_.getTerminator()->getNumOperands() != 1 || kernel_->getParentOfType<ModuleOp>() == nullptr)
      return false;
    tf32_ = ir::mayRoundFactors(kernel_);
    auto isReadable = [](Value value) {
      const RankedTensorType type = ir::tensorType(value);
      return isFloat(type.getElementType()) && type.getNumElements() > 0;
    };
    return llvm::all_of(root_->getOperands(),
                        [&](Value operand) { return isa<BlockArgument>(operand) && isReadable(operand); }) &&
           llvm::all_of(block_.getArguments(), isReadable) && isReadable(root_->getResult(0));
  }

  // The tensor of a buffer, with leading extents of 1 up to the rank of the result; convolutions along one
  // dimension have a second one of extent 1.
  std::optional<BufferTensor> tensor(Value value, unsigned buffer) {
    const RankedTensorType type = ir::tensorType(value);
    const ir::LayoutAttr layout = ir::layoutOf(value);
    if (layout && layout.getBlock() != 1)
      return std::nullopt;
    if (!isFloat(type.getElementType()))
      return std::nullopt;
    BufferTensor result{buffer, ir::dtypeOf(type.getElementType()), {}, {}};
    result.extents.assign(type.getShape().begin(), type.getShape().end());
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      result.strides.push_back(layout ? layout.getStride(type.getShape(), dim)
                                      : elementsOf(type.getShape().drop_front(static_cast<size_t>(dim) + 1)));
    const bool addsDimension =
        sizes_.kind != ir::Contraction::Kind::matmul && ir::tensorType(root_->getResult(0)).getRank() == 3;
    const size_t plain = rank_ - (addsDimension ? 1 : 0);
    while (result.extents.size() < plain) {
      result.extents.insert(result.extents.begin(), 1);
      result.strides.insert(result.strides.begin(), type.getNumElements());
    }
    if (addsDimension) {
      const int64_t stride = result.strides[2] * result.extents[2];
      result.extents.insert(result.extents.begin() + 2, 1);
      result.strides.insert(result.strides.begin() + 2, stride);
    }
    return result;
  }

  //===-- What follows the root ---------------------------------------------------------------------===//

  std::optional<PointwiseStep::Operand> operand(Value value) {
    if (const auto known = made_.find(value); known != made_.end())
      return Earlier{known->second};
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto lying = tensor(argument, argument.getArgNumber());
      if (!lying)
        return std::nullopt;
      return *lying;
    }
    auto constant = value.getDefiningOp<ir::ConstantOp>();
    const auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : nullptr;
    if (!elements || !elements.isSplat() || !isFloat(elements.getElementType()))
      return std::nullopt;
    APFloat number = elements.getSplatValue<APFloat>();
    bool lost = false;
    number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
    return number.convertToFloat();
  }

  bool readSteps() {
    made_[root_->getResult(0)] = -1;
    for (Operation& op : block_.without_terminator()) {
      if (&op == root_ || isa<ir::ConstantOp>(op))
        continue;
      // Steps are of f32, whatever is between them.
      if (isa<ir::CastOp>(op) && made_.contains(op.getOperand(0)) &&
          isFloat(ir::tensorType(op.getResult(0)).getElementType())) {
        made_[op.getResult(0)] = made_[op.getOperand(0)];
        continue;
      }
      if (!readStep(op))
        return false;
    }
    const auto yielded = made_.find(block_.getTerminator()->getOperand(0));
    return yielded != made_.end() && yielded->second == static_cast<int32_t>(steps_.size()) - 1;
  }

  bool readStep(Operation& op) {
    auto pointwise = dyn_cast<ir::PointwiseOpInterface>(op);
    if (!pointwise || pointwise.getFunction().kind == PointwiseFunction::Kind::none ||
        ir::tensorType(op.getResult(0)).getShape() != ir::tensorType(root_->getResult(0)).getShape() ||
        !isFloat(ir::tensorType(op.getResult(0)).getElementType()))
      return false;
    PointwiseStep step{pointwise.getFunction(), Earlier{}};
    if (op.getNumOperands() != (step.function.isBinary() ? 2 : 1))
      return false;
    auto a = operand(op.getOperand(0));
    if (!a)
      return false;
    step.a = *a;
    if (step.function.isBinary()) {
      auto b = operand(op.getOperand(1));
      if (!b || (std::holds_alternative<float>(*a) && std::holds_alternative<float>(*b)))
        return false;
      step.b = *b;
      // The running value comes first where the order does not matter.
      if (op.hasTrait<OpTrait::IsCommutative>() && !std::holds_alternative<Earlier>(step.a))
        std::swap(step.a, step.b);
    }
    made_[op.getResult(0)] = static_cast<int32_t>(steps_.size());
    steps_.push_back(step);
    return true;
  }

  //===-- Convolutions ------------------------------------------------------------------------------===//

  std::optional<LibraryProblem> convolution() {
    using Kind = ir::Contraction::Kind;
    FusedConvolution problem;
    problem.kind = sizes_.kind == Kind::convolution              ? FusedConvolution::Kind::forward
                   : sizes_.kind == Kind::transposed_convolution ? FusedConvolution::Kind::data_gradient
                                                                 : FusedConvolution::Kind::filter_gradient;
    const auto first = factor(0), second = factor(1);
    if (!first || !second || first->dtype != second->dtype || !setWindow(problem))
      return std::nullopt;
    problem.first = *first;
    problem.second = *second;
    problem.result = result_;
    problem.steps.assign(steps_.begin(), steps_.end());
    problem.tf32 = tf32_;
    problem.precise = precise_;
    if (sizes_.hasBias && !prependBias(problem))
      return std::nullopt;
    const SmallVector<BufferTensor*> tensors = tensorsOf(problem);
    unifyLayouts(tensors);
    if (!areReadAlike(tensors))
      return std::nullopt;
    return problem;
  }

  static SmallVector<BufferTensor*> tensorsOf(FusedConvolution& problem) {
    SmallVector<BufferTensor*> tensors{&problem.first, &problem.second, &problem.result};
    for (PointwiseStep& step : problem.steps)
      for (PointwiseStep::Operand* operand : {&step.a, &step.b})
        if (auto* tensor = std::get_if<BufferTensor>(operand))
          tensors.push_back(tensor);
    return tensors;
  }

  // In a graph of operations a buffer is one tensor: a bias that is added once more along another dimension
  // would be read as the first time.
  static bool areReadAlike(ArrayRef<BufferTensor*> tensors) {
    std::map<unsigned, const BufferTensor*> known;
    return llvm::all_of(tensors, [&](const BufferTensor* tensor) {
      return *known.try_emplace(tensor->buffer, tensor).first->second == *tensor;
    });
  }

  std::optional<BufferTensor> factor(unsigned number) {
    auto argument = cast<BlockArgument>(root_->getOperand(number));
    return tensor(argument, argument.getArgNumber());
  }

  // Libraries compute the size of the result from the padding: such as gives this one.
  bool setWindow(FusedConvolution& problem) {
    const bool isTransposed = sizes_.kind == ir::Contraction::Kind::transposed_convolution;
    for (size_t d = 3 - (rank_ - 2); d < 3; ++d) {
      const int64_t in = isTransposed ? sizes_.output[d] : sizes_.input[d];
      const int64_t out = isTransposed ? sizes_.input[d] : sizes_.output[d];
      const int64_t reach = sizes_.dilation[d] * (sizes_.kernel[d] - 1) + 1, begin = sizes_.padBegin[d];
      auto fits = [&](int64_t end) {
        const int64_t slack = in + begin + end - reach;
        return slack >= 0 && slack / sizes_.stride[d] + 1 == out;
      };
      // The same at both ends is what most engines take.
      const int64_t least = std::max<int64_t>((out - 1) * sizes_.stride[d] + reach - in - begin, 0);
      const int64_t end = fits(begin) ? begin : least;
      if (!fits(end))
        return false;
      problem.strides.push_back(sizes_.stride[d]);
      problem.dilations.push_back(sizes_.dilation[d]);
      problem.pad_begin.push_back(begin);
      problem.pad_end.push_back(end);
    }
    return true;
  }

  bool prependBias(FusedConvolution& problem) {
    auto bias = dyn_cast<BlockArgument>(root_->getOperand(2));
    const RankedTensorType type = ir::tensorType(bias);
    if (type.getRank() != 1 || ir::layoutOf(bias))
      return false;
    BufferTensor lying{bias.getArgNumber(), ir::dtypeOf(type.getElementType()),
                       std::vector<int64_t>(rank_, 1), std::vector<int64_t>(rank_, 1)};
    lying.extents[1] = type.getDimSize(0);
    lying.strides[0] = type.getDimSize(0);
    for (PointwiseStep& step : problem.steps)
      for (PointwiseStep::Operand* operand : {&step.a, &step.b})
        if (auto* earlier = std::get_if<Earlier>(operand))
          ++earlier->number;
    problem.steps.insert(problem.steps.begin(),
                         {{PointwiseFunction::Kind::add}, Earlier{-1}, std::move(lying)});
    return true;
  }

  // Strides along extents of 1, as those of the other tensors would be.
  void unifyLayouts(ArrayRef<BufferTensor*> tensors) {
    auto strides = [&](const BufferTensor& tensor, bool channelsLast) {
      return packedStrides(tensor.extents, orderOf(tensor.extents.size(), channelsLast));
    };
    const bool channelsLast = llvm::any_of(tensors, [&](const BufferTensor* tensor) {
      return liesAs(*tensor, strides(*tensor, true)) && !liesAs(*tensor, strides(*tensor, false));
    });
    for (BufferTensor* tensor : tensors)
      for (const bool last : {channelsLast, !channelsLast})
        if (auto wanted = strides(*tensor, last); liesAs(*tensor, wanted)) {
          tensor->strides = std::move(wanted);
          break;
        }
  }

  //===-- Matrix products ---------------------------------------------------------------------------===//

  std::optional<LibraryProblem> matmul() {
    FusedMatmul problem;
    problem.dtype = result_.dtype;
    problem.tf32 = tf32_;
    problem.batch = sizes_.batch;
    problem.rows = sizes_.input[2];
    problem.columns = sizes_.outChannels;
    problem.terms = sizes_.inChannels;
    const auto lhs = matrix(root_->getOperand(0), sizes_.transposeLhs);
    const auto rhs = matrix(root_->getOperand(1), sizes_.transposeRhs);
    if (!lhs || !rhs || ir::layoutOf(block_.getTerminator()->getOperand(0)))
      return std::nullopt;
    problem.lhs = *lhs;
    problem.rhs = *rhs;
    problem.result = {result_.buffer, false, problem.columns, problem.rows * problem.columns};
    if (!readEpilogue(problem))
      return std::nullopt;
    foldBatch(problem);
    return problem;
  }

  std::optional<FusedMatmul::Matrix> matrix(Value value, bool transposed) {
    const RankedTensorType type = ir::tensorType(value);
    const auto shape = type.getShape();
    const int64_t batch = elementsOf(shape.drop_back(2));
    // Where only some batches repeat, one stride does not say it.
    if (ir::layoutOf(value) || ir::dtypeOf(type.getElementType()) != result_.dtype ||
        (batch != 1 && batch != sizes_.batch))
      return std::nullopt;
    return FusedMatmul::Matrix{cast<BlockArgument>(value).getArgNumber(), transposed, shape.back(),
                               batch == 1 ? 0 : shape.back() * shape[shape.size() - 2]};
  }

  // Scale, addend, bias, activation, each at most once, in this order but for the two that are added.
  bool readEpilogue(FusedMatmul& problem) {
    for (auto [number, step] : llvm::enumerate(steps_)) {
      const auto* before = std::get_if<Earlier>(&step.a);
      if (!before || before->number != static_cast<int32_t>(number) - 1 ||
          problem.activation != FusedMatmul::Activation::none)
        return false;
      if (!(readScale(problem, step) || readSum(problem, step) || readActivation(problem, step)))
        return false;
    }
    return true;
  }

  static bool readScale(FusedMatmul& problem, const PointwiseStep& step) {
    const auto* factor = std::get_if<float>(&step.b);
    if (!factor || problem.addend || problem.bias)
      return false;
    if (step.function.kind == PointwiseFunction::Kind::mul)
      problem.alpha *= *factor;
    else if (step.function.kind == PointwiseFunction::Kind::div)
      problem.alpha /= *factor;
    else
      return false;
    return true;
  }

  bool readSum(FusedMatmul& problem, const PointwiseStep& step) const {
    const auto* added = std::get_if<BufferTensor>(&step.b);
    if (!added || step.function.kind != PointwiseFunction::Kind::add || added->dtype != problem.dtype ||
        !liesAs(*added, packedStrides(added->extents, orderOf(added->extents.size(), false))))
      return false;
    if (added->extents == result_.extents && !problem.addend) {
      problem.addend = {added->buffer, false, problem.result.row_stride, problem.result.batch_stride};
      return true;
    }
    if (added->extents.back() != problem.columns || elementsOf(added->extents) != problem.columns ||
        problem.bias)
      return false;
    problem.bias = added->buffer;
    return true;
  }

  static bool readActivation(FusedMatmul& problem, const PointwiseStep& step) {
    if (step.function == PointwiseFunction{PointwiseFunction::Kind::relu})
      problem.activation = FusedMatmul::Activation::relu;
    else if (step.function.kind == PointwiseFunction::Kind::gelu_tanh)
      problem.activation = FusedMatmul::Activation::gelu_tanh;
    else
      return false;
    return true;
  }

  // Batches that share the second factor are rows of one product.
  static void foldBatch(FusedMatmul& problem) {
    if (problem.batch == 1 || problem.rhs.batch_stride != 0 || problem.lhs.transposed ||
        problem.lhs.batch_stride == 0)
      return;
    problem.rows *= problem.batch;
    problem.batch = 1;
  }

  bool precise_;
  ir::KernelOp kernel_;
  Block& block_;
  Operation* root_;
  ir::ContractionOpInterface contraction_;
  ir::Contraction sizes_;
  size_t rank_ = 0; // of tensors as the library sees them
  bool tf32_ = false;
  BufferTensor result_;
  llvm::DenseMap<Value, int32_t> made_; // by which step; -1: the root
  SmallVector<PointwiseStep> steps_;
};

} // namespace

std::optional<LibraryProblem> libraryProblem(ir::KernelOp kernel, bool precise) {
  return Matcher(kernel, precise).match();
}

} // namespace sinter::codegen::cuda
