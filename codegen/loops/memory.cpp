// Addresses of elements under any layout, and the cheapest access for the lanes of a vector.
#include "codegen/loops/memory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace sinter::codegen {
namespace {

Type pointerType(MLIRContext* context) {
  return LLVM::LLVMPointerType::get(context);
}

unsigned alignmentOf(Type element) {
  return std::max(1U, element.getIntOrFloatBitWidth() / 8);
}

} // namespace

Type memoryType(Type element) {
  return element.isInteger(1) ? IntegerType::get(element.getContext(), 8) : ir::emittedType(element);
}

MemoryView MemoryView::of(RankedTensorType type) {
  MemoryView view;
  view.element = type.getElementType();
  view.shape.assign(type.getShape().begin(), type.getShape().end());
  view.strides.resize(view.shape.size());
  if (auto layout = dyn_cast_or_null<ir::LayoutAttr>(type.getEncoding())) {
    for (size_t d = 0; d < view.shape.size(); ++d)
      view.strides[d] = layout.getStride(type.getShape(), static_cast<int64_t>(d));
    if (layout.getBlock() > 1) {
      view.blocked = layout.getBlocked();
      view.block = layout.getBlock();
    }
    return view;
  }
  int64_t stride = 1;
  for (size_t d = view.shape.size(); d-- > 0; stride *= std::max<int64_t>(view.shape[d], 1))
    view.strides[d] = stride;
  return view;
}

//===-- Index arithmetic ----------------------------------------------------------------------------===//

Value MemoryAccess::index(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

Value MemoryAccess::number(Type indexLike, int64_t value) {
  if (auto type = dyn_cast<VectorType>(indexLike))
    return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, builder.getIndexAttr(value)));
  return index(value);
}

Value MemoryAccess::plus(Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  if (isa<VectorType>(a.getType()) != isa<VectorType>(b.getType())) {
    auto type = cast<VectorType>((isa<VectorType>(a.getType()) ? a : b).getType());
    (isa<VectorType>(a.getType()) ? b : a) =
        spread(isa<VectorType>(a.getType()) ? b : a, type.getNumElements());
  }
  return builder.createOrFold<arith::AddIOp>(loc, a, b);
}

Value MemoryAccess::times(Value a, int64_t factor) {
  return factor == 1 ? a : builder.createOrFold<arith::MulIOp>(loc, a, number(a.getType(), factor));
}

Value MemoryAccess::spread(Value scalar, int64_t width) {
  return vector::BroadcastOp::create(builder, loc, VectorType::get({width}, scalar.getType()), scalar);
}

Value MemoryAccess::coordLanes(const ir::Coord& coord, int64_t width) {
  if (coord.perLane)
    return coord.perLane;
  SmallVector<Attribute> steps;
  for (int64_t lane = 0; lane < width; ++lane)
    steps.push_back(builder.getIndexAttr(lane * coord.laneStride));
  auto type = VectorType::get({width}, builder.getIndexType());
  return arith::AddIOp::create(builder, loc, spread(coord.base, width),
                               arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, steps)));
}

// The offset of a position on the blocked dimension: whole blocks, then the place in the block.
Value MemoryAccess::blockedOffset(const MemoryView& view, size_t dim, Value position) {
  const int64_t blockStride = view.strides[dim];
  if (!isa<VectorType>(position.getType()) && facts.of(position).isMultipleOf(view.block))
    return times(position, blockStride / view.block); // a block's stride is a multiple of the block
  Value size = number(position.getType(), view.block);
  Value outer = builder.createOrFold<arith::DivUIOp>(loc, position, size);
  Value inner = builder.createOrFold<arith::RemUIOp>(loc, position, size);
  return plus(times(outer, blockStride), inner);
}

Lanes MemoryAccess::locate(const MemoryView& view, const ir::Point& at, int64_t width) {
  Lanes lanes;
  Value perLane;
  for (size_t d = 0; d < view.shape.size(); ++d) {
    const ir::Coord& coord = at[d];
    if (view.shape[d] <= 1 && !coord.perLane && coord.laneStride == 0)
      continue;
    const bool blocked = static_cast<int64_t>(d) == view.blocked;
    const bool uniform = width == 1 || (!coord.perLane && coord.laneStride == 0);
    if (uniform) {
      Value position = coord.perLane ? coord.perLane : coord.base;
      lanes.offset =
          plus(lanes.offset, blocked ? blockedOffset(view, d, position) : times(position, view.strides[d]));
    } else if (coord.perLane) {
      perLane = plus(perLane,
                     blocked ? blockedOffset(view, d, coord.perLane) : times(coord.perLane, view.strides[d]));
    } else if (!blocked) {
      lanes.offset = plus(lanes.offset, times(coord.base, view.strides[d]));
      lanes.stride += coord.laneStride * view.strides[d];
    } else if (coord.laneStride == 1 && view.block % width == 0 && facts.of(coord.base).isMultipleOf(width)) {
      lanes.offset = plus(lanes.offset, blockedOffset(view, d, coord.base));
      lanes.stride += 1;
      const int64_t stored = llvm::divideCeilSigned(view.shape[d], view.block) * view.block;
      const auto range = facts.of(coord.base);
      lanes.wholeBlock = range.low >= 0 && range.high + width <= stored;
    } else {
      perLane = plus(perLane, blockedOffset(view, d, coordLanes(coord, width)));
    }
  }
  if (!lanes.offset)
    lanes.offset = index(0);
  if (!perLane) {
    lanes.wholeBlock &= lanes.stride == 1;
    return lanes;
  }
  Value offset =
      lanes.stride == 0 ? spread(lanes.offset, width) : coordLanes({lanes.offset, lanes.stride, {}}, width);
  return {plus(offset, perLane), 0, false};
}

//===-- Accesses ------------------------------------------------------------------------------------===//

Value MemoryAccess::address(const MemoryView& view, Value offset, int64_t extra) {
  if (extra != static_cast<int32_t>(extra)) {
    offset = plus(offset, index(extra));
    extra = 0;
  }
  Value position = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), offset);
  Type pointer = pointerType(builder.getContext());
  Type element = memoryType(view.element);
  Value result = LLVM::GEPOp::create(builder, loc, pointer, element, view.pointer, ValueRange{position});
  if (extra != 0)
    result = LLVM::GEPOp::create(builder, loc, pointer, element, result,
                                 ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(extra)});
  return result;
}

// Of a vector of neighbours.
unsigned MemoryAccess::alignment(const MemoryView& view, const Lanes& lanes, int64_t width) {
  const unsigned element = alignmentOf(memoryType(view.element));
  const bool isWhole = alignedBuffers && facts.of(lanes.offset).isMultipleOf(width);
  return isWhole ? element * static_cast<unsigned>(width) : element;
}

Value MemoryAccess::toCode(Value loaded, Type element) {
  if (!element.isInteger(1))
    return loaded;
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(loaded.getType()));
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, loaded, zero);
}

Value MemoryAccess::toMemory(Value value, Type element) {
  if (!element.isInteger(1))
    return value;
  Type byte = builder.getIntegerType(8);
  auto type = dyn_cast<VectorType>(value.getType());
  return arith::ExtUIOp::create(builder, loc, type ? Type(type.clone(byte)) : byte, value);
}

Value MemoryAccess::prefixMask(int64_t width, int64_t active) {
  SmallVector<bool> bits(static_cast<size_t>(width), false);
  std::fill_n(bits.begin(), active, true);
  auto type = VectorType::get({width}, builder.getI1Type());
  return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, bits));
}

Value MemoryAccess::load(const MemoryView& view, const Lanes& lanes, int64_t width, int64_t active,
                         Value mask) {
  Type element = memoryType(view.element);
  const unsigned alignment = alignmentOf(element);
  auto scalar = [&](int64_t extra) -> Value {
    auto load = LLVM::LoadOp::create(builder, loc, element, address(view, lanes.offset, extra), alignment);
    load.setInvariant(view.invariant);
    return load;
  };
  if (width == 1)
    return toCode(scalar(0), view.element);
  const bool perLane = isa<VectorType>(lanes.offset.getType());
  if (!perLane && lanes.stride == 0)
    return spread(toCode(scalar(0), view.element), width); // any lane's place is a place inside the tensor

  auto type = VectorType::get({width}, element);
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  const bool dynamicMask = static_cast<bool>(mask);
  if (active < width) {
    Value prefix = prefixMask(width, active);
    mask = mask ? arith::AndIOp::create(builder, loc, mask, prefix).getResult() : prefix;
  }
  if (!perLane && lanes.stride == 1) {
    if (mask && !lanes.wholeBlock)
      return toCode(
          LLVM::MaskedLoadOp::create(builder, loc, type, address(view, lanes.offset), mask, zero, alignment),
          view.element);
    auto load = LLVM::LoadOp::create(builder, loc, type, address(view, lanes.offset),
                                     this->alignment(view, lanes, width));
    load.setInvariant(view.invariant);
    return toCode(load, view.element);
  }
  if (!perLane && !dynamicMask) {
    Value result = zero;
    for (int64_t lane = 0; lane < active; ++lane) {
      Value place =
          arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(lane)));
      result = LLVM::InsertElementOp::create(builder, loc, type, result, scalar(lane * lanes.stride), place);
    }
    return toCode(result, view.element);
  }
  // Masked lanes read the tensor's first element: cheaper than a branch for each.
  Value offsets = perLane ? lanes.offset : coordLanes({lanes.offset, lanes.stride, {}}, width);
  if (mask)
    offsets = arith::SelectOp::create(builder, loc, mask, offsets, number(offsets.getType(), 0));
  auto indices = VectorType::get({width}, builder.getI64Type());
  auto pointers = VectorType::get({width}, pointerType(builder.getContext()));
  Value places = LLVM::GEPOp::create(builder, loc, pointers, element, view.pointer,
                                     ValueRange{arith::IndexCastOp::create(builder, loc, indices, offsets)});
  Value gathered = LLVM::masked_gather::create(builder, loc, type, places, prefixMask(width, width),
                                               ValueRange{zero}, alignment);
  return toCode(gathered, view.element);
}

void MemoryAccess::store(const MemoryView& view, const Lanes& lanes, Value value, int64_t width,
                         int64_t active) {
  const unsigned alignment = alignmentOf(memoryType(view.element));
  value = toMemory(value, view.element);
  if (width == 1) {
    LLVM::StoreOp::create(builder, loc, value, address(view, lanes.offset), alignment);
    return;
  }
  const bool perLane = isa<VectorType>(lanes.offset.getType());
  // LLVM 22 stores a whole register where a single lane is set and elements are truncated on their way: one
  // lane is stored as what it is, below.
  if (!perLane && lanes.stride == 1 && (active > 1 || lanes.wholeBlock)) {
    if (active == width || lanes.wholeBlock)
      LLVM::StoreOp::create(builder, loc, value, address(view, lanes.offset),
                            this->alignment(view, lanes, width));
    else
      LLVM::MaskedStoreOp::create(builder, loc, value, address(view, lanes.offset), prefixMask(width, active),
                                  alignment);
    return;
  }
  for (int64_t lane = 0; lane < active; ++lane) {
    Value place =
        arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(lane)));
    Value element = LLVM::ExtractElementOp::create(builder, loc, value, place);
    Value offset = lanes.offset;
    if (perLane)
      offset = vector::ExtractOp::create(builder, loc, offset, ArrayRef<int64_t>{lane});
    LLVM::StoreOp::create(builder, loc, element, address(view, offset, perLane ? 0 : lane * lanes.stride),
                          alignment);
  }
}

} // namespace sinter::codegen
