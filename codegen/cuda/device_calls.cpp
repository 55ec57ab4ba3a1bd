// Their names are C++: of templates, with the arguments.
#include "codegen/cuda/device_calls.h"

#include "codegen/cuda/expressions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace sinter::codegen::cuda {

void DeviceCalls::call(StringRef function, ValueRange arguments) {
  LLVM::CallOp::create(builder, loc, TypeRange{}, function, arguments);
}

Value DeviceCalls::call(StringRef function, Type result, ValueRange arguments) {
  return LLVM::CallOp::create(builder, loc, TypeRange{result}, function, arguments).getResult();
}

Value DeviceCalls::index(StringRef function) {
  return call(function, builder.getIndexType());
}

void DeviceCalls::barrier() {
  call("barrier");
}

Value DeviceCalls::areAligned(ValueRange pointers) {
  return call("are_aligned", builder.getI1Type(), pointers);
}

Value DeviceCalls::laneXor(Value value, int64_t mask) {
  Value bits = arith::ConstantIndexOp::create(builder, loc, mask);
  return call("lane_xor<" + valueTypeName(value.getType()) + ">", value.getType(), {value, bits});
}

Value DeviceCalls::sharedSlots(int64_t count) {
  return call("shared_slots<" + std::to_string(count) + ">",
              LLVM::LLVMPointerType::get(builder.getContext()));
}

void DeviceCalls::setSlot(Value slots, Value number, Value value) {
  call("set_slot<" + valueTypeName(value.getType()) + ">", {slots, number, value});
}

Value DeviceCalls::slot(Value slots, Value number, Type type) {
  return call("slot<" + valueTypeName(type) + ">", type, {slots, number});
}

SmallVector<Value> DeviceCalls::slotsFrom(Value slots, Value number, Type type, int64_t width) {
  Value position = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), number);
  Value address = LLVM::GEPOp::create(builder, loc, slots.getType(), type, slots, ValueRange{position});
  const auto bytes = static_cast<unsigned>(width * type.getIntOrFloatBitWidth() / 8);
  Value loaded = LLVM::LoadOp::create(builder, loc, VectorType::get({width}, type), address, bytes);
  SmallVector<Value> values;
  for (int64_t i = 0; i < width; ++i)
    values.push_back(LLVM::ExtractElementOp::create(
        builder, loc, loaded,
        arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(i)))));
  return values;
}

Value DeviceCalls::anyAtBarrier(Value value) {
  return call("any_at_barrier", builder.getI1Type(), value);
}

Value DeviceCalls::listAtBarrier(int64_t threads, Value wanted, Value slots) {
  return call("list_at_barrier<" + std::to_string(threads) + ">", builder.getIndexType(), {wanted, slots});
}

void DeviceCalls::setPart(Value parts, Value number, Value value) {
  call("set_part<" + valueTypeName(value.getType()) + ">", {parts, number, value});
}

Value DeviceCalls::part(Value parts, Value number, Type type) {
  return call("part<" + valueTypeName(type) + ">", type, {parts, number});
}

Value DeviceCalls::lastAtBarrier(Value counters, Value number, int64_t count) {
  Value all = arith::ConstantIndexOp::create(builder, loc, count);
  return call("last_at_barrier", builder.getI1Type(), {counters, number, all});
}

} // namespace sinter::codegen::cuda
